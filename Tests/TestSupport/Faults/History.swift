/// What was said, what was heard and what the server told in one run: the input of ``HistoryChecker``.
///
/// All times are since the run began, on one monotonic clock.
public struct History: Sendable {
    /// One message that somebody has handed to a node, or tried to.
    public struct Publication: Sendable {
        /// No other message of the run has it.
        public var payload: String
        public var topic: String
        /// The connection or REST caller: one after another, so that its messages have an order.
        public var publisher: String
        /// The node that it was handed to.
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

    /// What the publisher was told.
    public enum Outcome: Hashable, Sendable {
        /// Nothing: it may have been delivered, or not.
        case unknown
        /// The node has it, and sees to it that the others get it: an echo, or 202.
        case taken
        /// 200: how many connections of each node have it, and which nodes did not say.
        case relayed([String: Int], missing: [String])
        /// It goes nowhere: 503.
        case refused
        /// An answer that no caller should ever see.
        case odd(String)

        /// The publisher may count on it that everybody gets the message.
        var isOwed: Bool {
            switch self {
            case .taken, .relayed: true
            case .unknown, .refused, .odd: false
            }
        }
    }

    /// One message as one connection got it. A connection's deliveries stand in the order in which they came.
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
        /// What it hears: ever since it was opened.
        public var topics: Set<String>
        public var opened: Duration
        /// When its socket ended; nil for one that is open at the end of the run.
        public var closed: Duration?
        /// The first 8 digits of the server's name for it, once known.
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

    /// What a client was told in words.
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

    /// What a node has counted in the run.
    public struct Counts: Hashable, Sendable {
        /// Messages lost, and gaps of which it is unknown how many they were.
        public var lost = 0
        /// Messages of its own that left the outbox unsent.
        public var expired = 0

        public init(lost: Int = 0, expired: Int = 0) {
            self.lost = lost
            self.expired = expired
        }
    }

    /// From when to when a node was under a fault, its recovery included.
    public struct Disturbance: Sendable {
        public var node: String
        public var from: Duration
        public var to: Duration
        /// The process ended in it: what it had taken and not passed on is gone with it.
        public var killed: Bool
        /// A master may have served beside the one that had replaced it: what both of them say has two orders.
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
    /// Whether others were there, who are not in ``connections``: receipts count them, too.
    public var hasStrangers = false

    public init() {}
}
