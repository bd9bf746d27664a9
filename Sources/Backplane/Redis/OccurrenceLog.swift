import NIOCore

/// Counts what may happen often, so that it is logged seldom. Pure.
struct OccurrenceLog {
    /// Between two lines, at least.
    let interval: TimeAmount
    private(set) var total = 0
    private var unlogged = 0
    private var lastLine: NIODeadline?

    init(interval: TimeAmount) {
        self.interval = interval
    }

    /// - Returns: how often it has happened since the last line, when a line is due.
    mutating func occurred(_ times: Int = 1, at now: NIODeadline) -> Int? {
        self.total += times
        self.unlogged += times
        if let lastLine, now - lastLine < self.interval { return nil }
        self.lastLine = now
        defer { self.unlogged = 0 }
        return self.unlogged
    }
}
