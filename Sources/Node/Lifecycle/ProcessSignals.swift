import Logging
import UnixSignals

#if canImport(Glibc)
import Glibc
#endif

/// The signals that would end the process with all its connections: trapped for as long as this lives. (SIGPIPE: ``LogBootstrap``.)
struct ProcessSignals: Sendable {
    /// The first of any of them begins the drain, the second hurries it. SIGQUIT is Ctrl-\, and what some supervisors send for a graceful
    /// stop: nothing that a core dump would help, where clients could be told instead.
    private static let stopping: [UnixSignal] = [.sigterm, .sigint, .sigquit]

    /// Sent by other programs' conventions (log rotation, debugging), or by mistake.
    private static let ignored: [UnixSignal] = [.sigusr1, .sigusr2, .sigalrm]

    /// The others that end a process unless they are ignored: of timers, limits, power, and those without a meaning of their own (signal(7)).
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
