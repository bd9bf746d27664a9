import NIOConcurrencyHelpers

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// The process of a server that tests start, freeze, kill and restart. Ends with the last reference.
final class ServerProcess: Sendable {
    private let pid = NIOLockedValueBox<pid_t?>(nil)

    deinit { self.kill() }

    /// Starts a program and waits until it answers: at most 500 attempts, 10 ms apart.
    /// - Returns: whether it answers.
    func launch(_ command: ChildProcess.Command, until answers: () -> Bool) -> Bool {
        guard let pid = ChildProcess.spawn(command) else { return false }
        self.pid.withLockedValue { $0 = pid }
        for _ in 0..<500 {
            if answers() { return true }
            usleep(10_000)
        }
        return false
    }

    /// The process id; nil while it does not run.
    var identifier: Int? { self.pid.withLockedValue { $0.map { Int($0) } } }

    /// Kills it. Returns when it has ended.
    func kill() { self.signal(SIGKILL, andWait: true) }

    func freeze() { self.signal(SIGSTOP, andWait: false) }

    func thaw() { self.signal(SIGCONT, andWait: false) }

    private func signal(_ signal: CInt, andWait: Bool) {
        self.pid.withLockedValue { pid in
            guard let running = pid else { return }
            _ = sendSignal(running, signal)
            guard andWait else { return }
            var status: CInt = 0
            waitpid(running, &status, 0)
            pid = nil
        }
    }
}
