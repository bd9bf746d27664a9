/// How a broker carries messages, where there is a choice. All nodes of a cluster need the same.
public struct BrokerSettings: Hashable, Sendable {
    public enum Delivery: String, Hashable, Sendable, CaseIterable {
        /// Each topic has a bounded log: a node that was away fetches what it missed.
        case logged
        /// What passes while a node is away is lost to it. Cheaper for Redis by the log's price.
        case atMostOnce = "at-most-once"
    }

    public var delivery: Delivery
    /// Messages that a topic's log keeps at most. Default 10,000: at 1,000 a second, ten seconds of absence.
    public var historyMessages: Int
    /// Bytes of envelopes that a topic's log keeps at most; the last message stays, however large. Default 8 MiB.
    public var historyBytes: Int
    /// Bytes that all topics without a subscriber together may log within `historyAge`, with some 4.6 KB for each topic's log; past it, what is
    /// published to them is refused, and the log of a topic that has just lost its last subscriber is dropped. Default 256 MiB: of the topics that are
    /// in use none is concerned.
    public var idleHistoryBytes: Int
    /// How long a message stays in its topic's log at most, and a second more: looked at once a second, when something is published. An idle
    /// topic's log goes as a whole. Default 5 min: beyond that, what was missed is no news.
    public var historyAge: Duration
    /// How long a message of a node to itself may take through Redis before its links are given up. Default 2 s: as long as a command.
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
