import ServiceLifecycle
import UnixSignals

/// Reads again, on SIGHUP, the files that may change while the node runs.
struct Reload: Service {
    /// Called one after the other; each may block for as long as its files are read.
    let actions: [@Sendable () -> Void]

    func run() async throws {
        guard !self.actions.isEmpty else {
            // Nothing to read again: the signal keeps its meaning, that the terminal is gone.
            try? await gracefulShutdown()
            return
        }
        for await _ in await UnixSignalsSequence(trapping: .sighup).cancelOnGracefulShutdown() {
            for action in self.actions { action() }
        }
    }
}
