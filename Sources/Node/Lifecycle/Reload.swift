import Foundation
import Logging
import NIOConcurrencyHelpers

/// Reads again, when the process gets SIGHUP, the files that may change while the node runs.
///
/// Each on a thread of its own, which nobody waits for: a file system that hangs holds up the reading of its own files alone.
final class Reload: Sendable {
    private enum Phase {
        case idle
        case reading
        /// SIGHUP came meanwhile.
        case readingTwice
    }

    private let actions: [@Sendable (Logger) -> Void]
    private let logger: Logger
    /// Of each action.
    private let phases: NIOLockedValueBox<[Phase]>

    /// - Parameter actions: each may block for as long as its file is read. Empty: the node has no such files.
    init(actions: [@Sendable (Logger) -> Void], logger: Logger) {
        self.actions = actions
        self.logger = logger
        self.phases = NIOLockedValueBox(Array(repeating: .idle, count: actions.count))
    }

    /// Returns at once. A file that is still being read is read once more afterwards, however often this was called.
    func run() {
        guard !self.actions.isEmpty else { return self.logger.notice("SIGHUP ignored: there are no files to read again") }
        let idle = self.phases.withLockedValue { phases in
            let idle = phases.indices.filter { phases[$0] == .idle }
            for index in phases.indices { phases[index] = phases[index] == .idle ? .reading : .readingTwice }
            return idle
        }
        if idle.count < self.actions.count { self.logger.notice("Files are still being read; they will be read once more") }
        for index in idle {
            Thread.detachNewThread {
                repeat { self.actions[index](self.logger) } while self.goesOn(index)
            }
        }
    }

    private func goesOn(_ index: Int) -> Bool {
        self.phases.withLockedValue { phases in
            defer { phases[index] = phases[index] == .readingTwice ? .reading : .idle }
            return phases[index] == .readingTwice
        }
    }
}
