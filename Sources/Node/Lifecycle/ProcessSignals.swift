import Logging
import UnixSignals

/// The signals that would end the process with all its connections: trapped for as long as this lives. (SIGPIPE: ``LogBootstrap``.)
struct ProcessSignals: Sendable {
    /// The first of any of them begins the drain, the second hurries it. SIGQUIT is Ctrl-\, and what some supervisors send for a graceful
    /// stop: nothing that a core dump would help, where clients could be told instead.
    private static let stopping: [UnixSignal] = [.sigterm, .sigint, .sigquit]

    /// Sent by other programs' conventions (log rotation, debugging), or by mistake.
    private static let ignored: [UnixSignal] = [.sigusr1, .sigusr2, .sigalrm]

    private let stops: UnixSignalsSequence
    private let others: UnixSignalsSequence

    init() async {
        self.stops = await UnixSignalsSequence(trapping: Self.stopping)
        self.others = await UnixSignalsSequence(trapping: Self.ignored + [.sighup])
    }

    /// Returns when the task is cancelled.
    func handle(_ shutdownRequest: ShutdownRequest, _ reload: Reload, logger: Logger) async {
        await withDiscardingTaskGroup { tasks in
            tasks.addTask {
                for await signal in self.stops {
                    logger.info("Signal received", metadata: [LogKey.signal: "\(signal)"])
                    shutdownRequest.signalled()
                }
            }
            tasks.addTask {
                for await signal in self.others {
                    if signal == .sighup {
                        reload.run()
                    } else {
                        logger.notice("Signal ignored", metadata: [LogKey.signal: "\(signal)"])
                    }
                }
            }
        }
    }
}
