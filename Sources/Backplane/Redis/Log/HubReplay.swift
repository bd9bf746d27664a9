import NIOCore
import VolaryProtocol

/// Brings the messages of a hub's topics into the hub's order after the subscriber's link was lost. Pure: time is an argument.
///
/// Each topic reads what it missed from its own log. What the topics deliver meanwhile is held, and merged by position. The topics
/// read once the position of the hub is known, which is read after the last subscription was confirmed: ``end``. When all topics follow,
/// every message up to `end` is held. Later ones arrive over the subscription in the order of the hub, so the held messages are
/// complete when the subscription has brought the highest of them.
struct HubReplay {
    /// Maximum time without progress: 2 s. Then the held messages are delivered as they are.
    static let timeout = TimeAmount.seconds(2)
    /// Maximum of held bytes, including ``Outbox/overheadBytes`` for each message: 16 MiB.
    static let maximumBytes = 16 * 1024 * 1024

    /// Identifies the loss of the link.
    private(set) var attempt: Int
    private var unconfirmed: Set<Topic>
    /// Topics that do not follow their log.
    private var behind: Set<Topic>
    /// The hub's position after the last confirmation.
    private var end: Position?
    /// The highest position that the subscription has brought.
    private var heard = Position(epoch: 0, number: 0)
    private var held: [Envelope] = []
    private var highest = Position(epoch: 0, number: 0)
    private(set) var bytes = 0
    private var progressedAt: NIODeadline

    /// - Parameter topics: of the hub; the link of all was lost.
    init(_ topics: Set<Topic>, attempt: Int, at now: NIODeadline) {
        self.attempt = attempt
        (self.unconfirmed, self.behind) = (topics, topics)
        self.progressedAt = now
    }

    /// Whether topics may read their logs.
    var mayRead: Bool { self.end != nil }
    /// Whether the hub's position has to be read.
    var needsEnd: Bool { self.unconfirmed.isEmpty && self.end == nil }

    /// Whether all messages up to the highest of the held ones are held.
    var isComplete: Bool {
        guard let end, self.behind.isEmpty else { return false }
        return self.highest <= max(end, self.heard)
    }

    /// Whether it must end although it is not complete.
    /// - Parameter canRead: whether logs can be read. Until then nothing waits but what is held.
    func hasFailed(canRead: Bool, at now: NIODeadline) -> Bool {
        if self.bytes > Self.maximumBytes { return true }
        return (canRead || !self.held.isEmpty) && now - self.progressedAt >= Self.timeout
    }

    /// The link was lost again.
    mutating func unlinked(_ topics: Set<Topic>, attempt: Int, at now: NIODeadline) {
        self.attempt = attempt
        (self.unconfirmed, self.behind, self.end) = (topics, topics, nil)
        self.heard = Position(epoch: 0, number: 0)
        self.progressedAt = now
    }

    mutating func confirmed(_ topic: Topic, at now: NIODeadline) {
        if self.unconfirmed.remove(topic) != nil { self.progressedAt = now }
    }

    mutating func ended(at position: Position, at now: NIODeadline) {
        self.end = position
        self.progressedAt = now
    }

    mutating func progressed(at now: NIODeadline) { self.progressedAt = now }

    mutating func settled(_ topic: Topic, isBehind: Bool, at now: NIODeadline) {
        if isBehind {
            self.behind.insert(topic)
        } else if self.behind.remove(topic) != nil {
            self.progressedAt = now
        }
    }

    /// The topic is not followed any more.
    mutating func forget(_ topic: Topic) {
        self.unconfirmed.remove(topic)
        self.behind.remove(topic)
    }

    /// Call with the position of each message from the subscription.
    mutating func heard(_ position: Position) { self.heard = max(self.heard, position) }

    /// Holds a message that its topic has delivered. One without a position follows the one before it.
    mutating func hold(_ envelope: Envelope) {
        self.held.append(envelope)
        if let position = envelope.position { self.highest = max(self.highest, position) }
        self.bytes += envelope.message.payloadBytes + Outbox<Void>.overheadBytes
    }

    /// The held messages in their order.
    func release() -> [Envelope] {
        var last = Position(epoch: 0, number: 0)
        let numbered = self.held.enumerated().map { index, envelope in
            last = envelope.position ?? last
            return (position: last, index: index)
        }
        return numbered.sorted { ($0.position, $0.index) < ($1.position, $1.index) }.map { self.held[$0.index] }
    }
}
