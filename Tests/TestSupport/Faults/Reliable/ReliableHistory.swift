/// What reliable clients and REST callers sent and received in one run: the input of ``ReliableChecker``.
///
/// All times are since the start of the run, on one monotonic clock.
public struct ReliableHistory: Sendable {
    /// One message that was sent to a node.
    public struct Publication: Sendable {
        /// Unique in the run.
        public var payload: String
        public var topic: String
        /// The connection or REST caller.
        public var publisher: String
        public var node: String
        public var at: Duration
        public var outcome: Outcome = .unknown
        /// Whether it was sent again after a failure, so that later ones of its publisher may be before it.
        public var isLate = false

        public init(_ payload: String, topic: String, by publisher: String, on node: String = "", at: Duration) {
            self.payload = payload
            self.topic = topic
            self.publisher = publisher
            self.node = node
            self.at = at
        }
    }

    /// The answer to the publisher.
    public enum Outcome: Hashable, Sendable {
        /// No answer: it may have been delivered or not.
        case unknown
        /// In the order of the hub.
        case accepted
        /// The node has it, and delivers it later.
        case queued
        /// It is never delivered: 503, or sent on a transport whose session was claimed elsewhere before.
        case refused
        /// An answer that must never occur.
        case unexpected(String)
    }

    /// One message as a connection received it, without those that it had before.
    public struct Delivery: Hashable, Sendable {
        public var sequence: UInt64
        public var payload: String

        public init(_ sequence: UInt64, _ payload: String) {
            self.sequence = sequence
            self.payload = payload
        }
    }

    /// One connection, from `connected` to its end, on however many transports.
    public struct Life: Sendable {
        public var name: String
        public var id: String
        /// The topics whose messages it gets since ``opened``.
        public var topics: Set<String>
        public var opened: Duration
        public var deliveries: [Delivery] = []
        /// How often it was resumed.
        public var resumptions = 0
        /// When its client was told that it cannot go on (1008); nil for one that is open at the end of the run.
        public var told: Duration?
        /// Messages that came again under a number that they did not have before, and numbers that were left out.
        public var defects: [String] = []

        public init(_ name: String, id: String, topics: Set<String>, opened: Duration = .zero) {
            self.name = name
            self.id = id
            self.topics = topics
            self.opened = opened
        }

        /// A message with its number, which may be one that the client has.
        public mutating func got(_ sequence: UInt64, _ payload: String) {
            let next = (self.deliveries.last?.sequence ?? 0) + 1
            if sequence == next { return self.deliveries.append(Delivery(sequence, payload)) }
            guard sequence > 0, sequence < next else {
                self.defects.append("\(payload) is number \(sequence), not \(next)")
                return self.deliveries.append(Delivery(sequence, payload))
            }
            // Numbers are dense up to the first defect.
            guard self.defects.isEmpty else { return }
            let former = self.deliveries[Int(sequence) - 1].payload
            if former != payload { self.defects.append("\(payload) is number \(sequence), which was \(former)") }
        }
    }

    public var publications: [Publication] = []
    public var lives: [Life] = []
    /// Nodes that were killed, with the time from which on, and until when, messages that they had queued may be lost.
    public var kills: [(node: String, from: Duration, to: Duration)] = []
    /// Messages that left the queue of a node unsent, by node.
    public var expired: [String: Int] = [:]
    /// Whether clients may be told that their connection cannot go on.
    public var mayTell = false

    public init() {}
}
