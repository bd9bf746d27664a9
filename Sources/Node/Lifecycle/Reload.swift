import Dispatch
import Logging
import NIOConcurrencyHelpers

/// Reads the reloadable files again when the process gets SIGHUP.
///
/// Each file is read on its own thread, and nothing waits for that thread: a file system that hangs delays only its own files.
final class Reload: Sendable {
    private enum Phase {
        case idle
        case reading
        /// Another SIGHUP arrived during the read.
        case readingAgainAfterwards
    }

    private let actions: [@Sendable (Logger) -> Void]
    private let logger: Logger
    /// One for each action.
    private let phases: NIOLockedValueBox<[Phase]>

    /// - Parameter actions: one for each file; each may block while it reads. Empty: the node has no reloadable files.
    init(actions: [@Sendable (Logger) -> Void], logger: Logger) {
        self.actions = actions
        self.logger = logger
        self.phases = NIOLockedValueBox(Array(repeating: .idle, count: actions.count))
    }

    /// Returns at once. A file that is still being read is read once more afterwards, no matter how often this was called.
    func run() {
        guard !self.actions.isEmpty else { return self.logger.notice("SIGHUP ignored: there are no files to read again") }
        let idle = self.phases.withLockedValue { phases in
            let idle = phases.indices.filter { phases[$0] == .idle }
            for index in phases.indices { phases[index] = phases[index] == .idle ? .reading : .readingAgainAfterwards }
            return idle
        }
        if idle.count < self.actions.count { self.logger.notice("Files are still being read; they will be read once more") }
        for index in idle {
            DispatchQueue(label: "volary.reload").async {
                repeat { self.actions[index](self.logger) } while self.needsAnotherRead(index)
            }
        }
    }

    private func needsAnotherRead(_ index: Int) -> Bool {
        self.phases.withLockedValue { phases in
            defer { phases[index] = phases[index] == .readingAgainAfterwards ? .reading : .idle }
            return phases[index] == .readingAgainAfterwards
        }
    }
}
