import Logging

/// Reads again, when the process gets SIGHUP, the files that may change while the node runs.
struct Reload: Sendable {
    /// Called one after the other; each may block for as long as its files are read. Empty: the node has no such files.
    let actions: [@Sendable () -> Void]
    let logger: Logger

    func run() {
        guard !self.actions.isEmpty else { return self.logger.notice("SIGHUP ignored: there are no files to read again") }
        for action in self.actions { action() }
    }
}
