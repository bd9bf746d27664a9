/// Whether messages flow between this node and the others.
public struct BrokerHealth: Hashable, Sendable {
    public enum State: Hashable, Sendable {
        /// Linked, subscribed to the topics that every node needs and, since the link was last lost, subscribed again to all
        /// others. Topics that are subscribed to for the first time do not count: see ``BrokerHealth/pending``.
        case up
        /// Not linked, not yet subscribed again, or still reading missed messages. The text tells operators the reason; it
        /// contains no password.
        case down(reason: String)
    }

    public var state: State
    /// When the state last changed between up and down, in milliseconds since 1970, UTC. Another reason for being down does not
    /// change it.
    public var since: Int64
    /// How often the subscriber's link has been lost since the start.
    public var interruptions: Int
    /// Messages in the outbox.
    public var waiting: Int
    /// Topics that are being subscribed to for the first time. Each new user or group is one for a moment.
    public var pending: Int
    /// Messages that left the outbox unsent because they were too old, or because the node shut down. They reached only this
    /// node.
    public var expired: Int
    /// The largest possible number of messages of other nodes that this node missed or could not decode: see ``BrokerGap/lost``.
    public var lost: Int
    /// How often, counted by topic, this node may have missed messages whose number is not known.
    public var gaps: Int
    /// Messages that this node had missed and then read from a log.
    public var recovered: Int
    /// How long the last canary message of this node took through Redis. Nil: none has come back yet, or there is no Redis.
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
