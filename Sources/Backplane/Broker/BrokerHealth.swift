/// Whether messages flow between this node and the others.
public struct BrokerHealth: Hashable, Sendable {
    public enum State: Hashable, Sendable {
        /// Linked, subscribed to the topics that every node needs, and, since the link was last lost, again to all others. Topics that are
        /// subscribed to for the first time do not count: see ``BrokerHealth/pending``.
        case up
        /// Not linked, not yet subscribed again, or what was missed is being fetched. The text says why, for operators; it names no password.
        case down(reason: String)
    }

    public var state: State
    /// Since when it has been up, or down for whatever reasons: milliseconds since 1970, UTC.
    public var since: Int64
    /// How often the link that brings messages has been lost since the start.
    public var interruptions: Int
    /// Messages in the outbox.
    public var waiting: Int
    /// Topics that are being subscribed to for the first time. With each new user and group there is one for a moment.
    public var pending: Int
    /// Messages that left the outbox unsent because they were too old, or because the node ended, and so reached only this node.
    public var expired: Int
    /// Messages of others that this node is known to have missed, or could not read, at most: see ``BrokerGap/lost``.
    public var lost: Int
    /// How often, topic by topic, this node may have missed messages and nobody can say how many.
    public var gaps: Int
    /// Messages that this node had missed at first and fetched.
    public var recovered: Int
    /// How long the last message of this node to itself took through Redis. Nil: none has come back yet, or there is no Redis.
    public var lag: Duration?

    public init(
        state: State,
        since: Int64 = 0,
        interruptions: Int = 0,
        waiting: Int = 0,
        pending: Int = 0,
        expired: Int = 0,
        lost: Int = 0,
        gaps: Int = 0,
        recovered: Int = 0,
        lag: Duration? = nil
    ) {
        self.state = state
        self.since = since
        self.interruptions = interruptions
        self.waiting = waiting
        self.pending = pending
        self.expired = expired
        self.lost = lost
        self.gaps = gaps
        self.recovered = recovered
        self.lag = lag
    }

    public var isUp: Bool { self.state == .up }
}
