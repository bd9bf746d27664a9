import NIOCore

/// The timeouts of one client: for any sign of life, for the rest of a message, for any message, and for unsent bytes. Pure.
///
/// The first three do not run while the node itself does not read from the client.
///
/// There is no timer per connection. The event loop checks all of its connections four times per shortest timeout, so a timeout
/// is detected up to a quarter of the shortest timeout late.
struct ConnectionTimeouts: Sendable {
    /// The same for all connections of a node.
    struct Limits: Hashable, Sendable {
        var pingInterval: TimeAmount
        var messageTimeout: TimeAmount
        var idleTimeout: TimeAmount?
        var unsentAge: TimeAmount

        var shortest: TimeAmount {
            [self.pingInterval, self.messageTimeout, self.idleTimeout ?? self.pingInterval, self.unsentAge].min()
                ?? self.pingInterval
        }
    }

    enum Verdict: Hashable {
        case none
        case ping
        case exceeded(LimitViolation)
    }

    private var nextPing: NIODeadline
    /// Whether anything was read since the last ping.
    private var hadTraffic = true
    /// Whether a message was read since the last check.
    private var hadMessage = false
    private var lastMessage: NIODeadline
    /// Start of the incomplete message; nil when there is none, and while the node does not read.
    private var messageBegan: NIODeadline?
    /// Whether the node reads from the client. If not, silence of the client means nothing.
    private var isReading = true
    /// When unsent bytes were detected that have not been sent since.
    private(set) var unsentSince: NIODeadline?

    /// - Parameter firstPing: time until the first ping, anywhere in the second half of the interval. This spreads the pings of
    ///   connections that were opened together.
    init(now: NIODeadline, firstPing: TimeAmount) {
        self.nextPing = now + firstPing
        self.lastMessage = now
    }

    // MARK: - What happened

    mutating func sawTraffic() { self.hadTraffic = true }

    mutating func sawMessage() { self.hadMessage = true }

    /// Call when the bytes read so far end within a message. Repeated calls for the same message have no effect.
    mutating func messageIsIncomplete(now: NIODeadline) {
        if self.messageBegan == nil { self.messageBegan = now }
    }

    /// Ends the message timeout: the message is complete, or the node does not read on.
    mutating func messageIsOver() { self.messageBegan = nil }

    /// Suspends the timeouts until ``goesOnReading()``.
    mutating func stopsReading() {
        self.isReading = false
        self.messageBegan = nil
    }

    /// Restarts the timeouts.
    /// - Returns: whether they were suspended.
    mutating func goesOnReading() -> Bool {
        guard !self.isReading else { return false }
        self.isReading = true
        self.hadTraffic = true
        self.hadMessage = true
        return true
    }

    mutating func sawUnsentBytes(now: NIODeadline) { self.unsentSince = now }

    /// Call when all bytes that were unsent at ``sawUnsentBytes(now:)`` have been sent.
    mutating func unsentBytesLeft() { self.unsentSince = nil }

    // MARK: - What is due

    mutating func check(now: NIODeadline, limits: Limits) -> Verdict {
        if let unsentSince, now - unsentSince >= limits.unsentAge { return .exceeded(.unsentAge) }
        if let messageBegan, now - messageBegan >= limits.messageTimeout { return .exceeded(.slowMessage) }
        if self.hadMessage || !self.isReading {
            self.hadMessage = false
            self.lastMessage = now
        } else if let idleTimeout = limits.idleTimeout, now - self.lastMessage >= idleTimeout {
            return .exceeded(.idle)
        }
        guard now >= self.nextPing else { return .none }
        guard self.hadTraffic || !self.isReading else { return .exceeded(.unresponsive) }
        self.nextPing = now + limits.pingInterval
        self.hadTraffic = false
        return .ping
    }
}
