/// All messages sent, all messages received, and all that the server reported in one run: the input of ``HistoryChecker``.
///
/// All times are since the start of the run, on one monotonic clock.
public struct History: Sendable {
    /// One message that was sent to a node, or that a client tried to send.
    public struct Publication: Sendable {
        /// Unique in the run.
        public var payload: String
        public var topic: String
        /// The connection or REST caller. It sends one message after the other, so that its messages have an order.
        public var publisher: String
        /// The node that it was sent to.
        public var node: String
        public var at: Duration
        public var outcome: Outcome

        public init(
            _ payload: String,
            topic: String = "all",
            by publisher: String,
            on node: String,
            at: Duration,
            _ outcome: Outcome
        ) {
            self.payload = payload
            self.topic = topic
            self.publisher = publisher
            self.node = node
            self.at = at
            self.outcome = outcome
        }
    }

    /// The answer to the publisher.
    public enum Outcome: Hashable, Sendable {
        /// No answer: it may have been delivered or not.
        case unknown
        /// The node has accepted it and must deliver it to the others: an echo, or 202.
        case accepted
        /// 200: how many connections of each node have it, and the nodes without a receipt.
        case relayed([String: Int], missing: [String])
        /// It is not delivered: 503.
        case refused
        /// An answer that must never occur.
        case unexpected(String)

        /// Whether every receiver must get the message.
        var isGuaranteed: Bool {
            switch self {
            case .accepted, .relayed: true
            case .unknown, .refused, .unexpected: false
            }
        }
    }

    /// One message as one connection received it. The deliveries of a connection are in the order in which they arrived.
    public struct Delivery: Sendable {
        public var payload: String
        public var connection: String
        public var at: Duration

        public init(_ payload: String, to connection: String, at: Duration) {
            self.payload = payload
            self.connection = connection
            self.at = at
        }
    }

    /// One client socket.
    public struct Connection: Sendable {
        public var name: String
        public var node: String
        /// The topics whose messages it has got since it was opened.
        public var topics: Set<String>
        public var opened: Duration
        /// When its socket ended; nil if it is open at the end of the run.
        public var closed: Duration?
        /// The first 8 digits of its id, once known.
        public var shortID: String?

        public init(
            _ name: String,
            on node: String,
            topics: Set<String> = ["all"],
            opened: Duration = .zero,
            closed: Duration? = nil
        ) {
            self.name = name
            self.node = node
            self.topics = topics
            self.opened = opened
            self.closed = closed
        }
    }

    /// A notice that a client received.
    public struct Notice: Sendable {
        public enum Kind: Hashable, Sendable {
            /// Messages of others were lost, or may have been.
            case missed
            /// A message of its own was not delivered.
            case refused
        }

        public var kind: Kind
        public var connection: String
        public var at: Duration

        public init(_ kind: Kind, to connection: String, at: Duration) {
            self.kind = kind
            self.connection = connection
            self.at = at
        }
    }

    /// The losses that a node has counted in the run.
    public struct Counts: Hashable, Sendable {
        /// Messages lost, and gaps with an unknown number of messages.
        public var lost = 0
        /// Messages of its own that left the outbox unsent.
        public var expired = 0

        public init(lost: Int = 0, expired: Int = 0) {
            self.lost = lost
            self.expired = expired
        }
    }

    /// The time in which a node was affected by a fault, including its recovery.
    public struct Disturbance: Sendable {
        public var node: String
        public var from: Duration
        public var to: Duration
        /// Whether the process ended: messages that it had accepted and not passed on are lost.
        public var killed: Bool
        /// Whether an old master may have served beside the new one: messages through both of them have two orders.
        public var hasTwoMasters: Bool

        public init(_ node: String, from: Duration, to: Duration, killed: Bool = false, hasTwoMasters: Bool = false) {
            self.node = node
            self.from = from
            self.to = to
            self.killed = killed
            self.hasTwoMasters = hasTwoMasters
        }
    }

    public var publications: [Publication] = []
    public var deliveries: [Delivery] = []
    public var connections: [Connection] = []
    public var notices: [Notice] = []
    public var counts: [String: Counts] = [:]
    public var disturbances: [Disturbance] = []
    /// Whether there were clients that are not in ``connections``: receipts count them too.
    public var hasUnrecordedClients = false

    public init() {}
}
