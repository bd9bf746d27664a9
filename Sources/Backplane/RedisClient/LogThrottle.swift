package import NIOCore

/// Limits how often a frequent event is logged. Pure.
package struct LogThrottle: Sendable {
    /// The interval to which the limit of lines applies.
    package let interval: TimeAmount
    package let maximumLines: Int
    package private(set) var total = 0
    private var unlogged = 0
    private var start: NIODeadline?
    /// Lines since `start`.
    private var lines = 0

    package init(interval: TimeAmount, maximumLines: Int = 1) {
        self.interval = interval
        self.maximumLines = maximumLines
    }

    /// - Returns: how often the event has occurred since the last line, if a line is due.
    package mutating func occurred(_ times: Int = 1, at now: NIODeadline) -> Int? {
        self.total += times
        self.unlogged += times
        if let start, now - start < self.interval {
            guard self.lines < self.maximumLines else { return nil }
        } else {
            (self.start, self.lines) = (now, 0)
        }
        self.lines += 1
        defer { self.unlogged = 0 }
        return self.unlogged
    }
}
