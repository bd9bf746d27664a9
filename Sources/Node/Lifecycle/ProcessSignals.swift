import Logging
import UnixSignals

#if canImport(Glibc)
import Glibc
#endif

/// Handles the signals that would otherwise end the process, as long as the instance exists. (``LogBootstrap`` handles SIGPIPE.)
struct ProcessSignals: Sendable {
    /// The first of any of them starts a graceful shutdown, the second an immediate one. SIGQUIT (Ctrl-\) is included because
    /// some supervisors send it for a graceful stop; its default, a core dump, would cut all clients.
    private static let stopping: [UnixSignal] = [.sigterm, .sigint, .sigquit]

    /// Sent by tools for other purposes (log rotation, debugging), or by mistake. Logged.
    private static let ignored: [UnixSignal] = [.sigusr1, .sigusr2, .sigalrm]

    /// Ignores the other signals that end a process by default: timers, resource limits, power failure, real-time signals
    /// (signal(7)).
    private static func ignoreOthers() {
        #if canImport(Glibc)
        let others = [SIGIO, SIGPWR, SIGPROF, SIGVTALRM, SIGXCPU, SIGXFSZ, SIGSTKFLT]
        for number in others + Array(__libc_current_sigrtmin()...__libc_current_sigrtmax()) { signal(number, SIG_IGN) }
        #endif
    }

    private let stops: UnixSignalsSequence
    private let others: UnixSignalsSequence

    init() async {
        Self.ignoreOthers()
        self.stops = await UnixSignalsSequence(trapping: Self.stopping)
        self.others = await UnixSignalsSequence(trapping: Self.ignored + [.sighup])
    }

    /// Returns when the task is canceled.
    func handle(_ shutdownRequest: ShutdownRequest, _ reload: Reload, logger: Logger) async {
        await withDiscardingTaskGroup { tasks in
            tasks.addTask {
                for await signal in self.stops {
                    logger.info("Signal received", metadata: [LogKey.signal: "\(signal)"])
                    shutdownRequest.signalReceived()
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
