import NIOCore

/// How long one client may keep its node waiting: for a sign of life, for the rest of a message, for any message at all, for its
/// unsent bytes to be taken. Pure.
///
/// None of these times runs while the node itself does not read from the client.
///
/// Nothing here runs on a timer of its own: the loop looks at all of its connections four times in the shortest of these times,
/// so each is exceeded by a quarter of that before it is noticed.
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
    /// Since the last ping.
    private var hadTraffic = true
    /// Since the last look.
    private var hadMessage = false
    private var lastMessage: NIODeadline
    /// When the message began that has not ended; nil when there is none, or when it is the node that does not read.
    private var messageBegan: NIODeadline?
    /// Whether the node reads from the client: what it does not read says nothing about the client.
    private var isReading = true
    /// When bytes were seen waiting that still wait.
    private(set) var unsentSince: NIODeadline?

    /// - Parameter firstPing: anywhere in the second half of the interval: connections made together do not ping together for
    ///   ever.
    init(now: NIODeadline, firstPing: TimeAmount) {
        self.nextPing = now + firstPing
        self.lastMessage = now
    }

    // MARK: - What happened

    mutating func sawTraffic() { self.hadTraffic = true }

    mutating func sawMessage() { self.hadMessage = true }

    /// What has been read ends in the middle of a message. Later calls mean the same one, until it ended.
    mutating func messageIsIncomplete(now: NIODeadline) {
        if self.messageBegan == nil { self.messageBegan = now }
    }

    /// There is none that the client should go on with: it has ended, or the node does not read on.
    mutating func messageIsOver() { self.messageBegan = nil }

    /// The node does not read until ``goesOnReading()``.
    mutating func stopsReading() {
        self.isReading = false
        self.messageBegan = nil
    }

    /// The times that ran before begin anew.
    /// - Returns: whether the node had stopped.
    mutating func goesOnReading() -> Bool {
        guard !self.isReading else { return false }
        self.isReading = true
        self.hadTraffic = true
        self.hadMessage = true
        return true
    }

    mutating func sawUnsentBytes(now: NIODeadline) { self.unsentSince = now }

    /// All that waited when bytes were last seen waiting has left.
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
