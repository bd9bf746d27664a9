package import NIOCore

/// Counts what may happen often, so that it is logged seldom. Pure.
package struct OccurrenceLog {
    /// Between two lines, at least.
    package let interval: TimeAmount
    package private(set) var total = 0
    private var unlogged = 0
    private var lastLine: NIODeadline?

    package init(interval: TimeAmount) {
        self.interval = interval
    }

    /// - Returns: how often it has happened since the last line, when a line is due.
    package mutating func occurred(_ times: Int = 1, at now: NIODeadline) -> Int? {
        self.total += times
        self.unlogged += times
        if let lastLine, now - lastLine < self.interval { return nil }
        self.lastLine = now
        defer { self.unlogged = 0 }
        return self.unlogged
    }
}
