/// The settings of a broker. They must be the same on all nodes of a cluster.
public struct BrokerSettings: Hashable, Sendable {
    public enum Delivery: String, Hashable, Sendable, CaseIterable {
        /// Each topic has a bounded log, from which a node reads what it missed.
        case logged
        /// Messages that are published while a node is not connected are lost for that node. Saves Redis the cost of the log.
        case atMostOnce = "at-most-once"
    }

    public var delivery: Delivery
    /// The most messages in the log of a topic. Default 10,000: ten seconds of absence at 1,000 messages a second.
    public var historyMessages: Int
    /// The most bytes of envelopes in the log of a topic. The last message stays, however large. Default 8 MiB.
    public var historyBytes: Int
    /// The most bytes that all topics without a subscriber may log within `historyAge`, together; each topic's log counts as
    /// another 4.6 KB. Beyond that, messages to such topics are refused, and the log of a topic that has just lost its last
    /// subscriber is dropped. Default 256 MiB. Topics with a subscriber are not affected.
    public var idleHistoryBytes: Int
    /// How long a message stays in the log of its topic. Default 5 min. Trimming takes place once a second at most, when
    /// something is published, so a message may stay a second longer. The log of an idle topic expires as a whole.
    public var historyAge: Duration
    /// How long the canary message of a node may take through Redis before the node reconnects. Default 2 s, like the command
    /// timeout.
    public var canaryInterval: Duration

    public init(
        delivery: Delivery = .logged,
        historyMessages: Int = 10_000,
        historyBytes: Int = 8 * 1024 * 1024,
        idleHistoryBytes: Int = 256 * 1024 * 1024,
        historyAge: Duration = .seconds(300),
        canaryInterval: Duration = .seconds(2)
    ) {
        self.delivery = delivery
        self.historyMessages = historyMessages
        self.historyBytes = historyBytes
        self.idleHistoryBytes = idleHistoryBytes
        self.historyAge = historyAge
        self.canaryInterval = canaryInterval
    }
}
