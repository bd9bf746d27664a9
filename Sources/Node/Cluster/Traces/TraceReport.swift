import VolaryProtocol

/// What one node knows of a message, as nodes send it to each other.
struct TraceReport: Codable, Hashable, Sendable {
    /// A node gets a message twice if it has sessions, and again if the broker repeats it.
    static let maximumArrivals = 4
    /// The newest ones.
    static let maximumEnds = 20

    struct Published: Codable, Hashable, Sendable {
        let hub: String
        let audience: TraceAudience
        let sender: String?
        let time: Int64
        let bytes: Int
        /// `relayed`, `waiting` for the link, an error, or nil if nobody waited for the outcome.
        let outcome: String?
        let receivers: Int?
        let position: String?
    }

    struct Arrival: Codable, Hashable, Sendable {
        let hub: String
        let audience: TraceAudience
        let publishedAt: Int64
        let time: Int64
        /// A name of ``ArrivedTrace/State``.
        let state: String
        let finishedAt: Int64?
        let position: String?
        let connections: UInt32
        let excluded: UInt32
        let withoutMessage: UInt32
        let closed: UInt32
        let closedIDs: [String]
        let fullQueues: Int
    }

    struct End: Codable, Hashable, Sendable {
        let connection: String
        let user: String?
        let time: Int64
        /// nil without a close frame.
        let code: UInt16?
        let side: String
        /// The limit that the client exceeded.
        let limit: String?
    }

    let published: Published?
    let arrivals: [Arrival]
    var ends: [End] = []
    /// The time of the oldest message that the node remembers; nil if it remembers none.
    let since: Int64?

    /// Whether the node does not know the message.
    var isEmpty: Bool { self.published == nil && self.arrivals.isEmpty }
}

/// What must be known of a message to find the connections whose end may be the reason why it did not arrive.
struct TraceFacts: Codable, Hashable, Sendable {
    let hub: String
    let audience: TraceAudience
    let publishedAt: Int64
}

extension TraceReport {
    /// nil if the node does not know the message.
    var facts: TraceFacts? {
        if let published { return TraceFacts(hub: published.hub, audience: published.audience, publishedAt: published.time) }
        return self.arrivals.first.map { TraceFacts(hub: $0.hub, audience: $0.audience, publishedAt: $0.publishedAt) }
    }
}

/// Whom a message was for, in answers.
struct TraceAudience: Codable, Hashable, Sendable {
    /// `all`, `connection`, `group` or `user`.
    let kind: String
    /// The id or name.
    let name: String?

    init(_ audience: Audience) {
        switch audience {
        case .all: (self.kind, self.name) = ("all", nil)
        case .connection(let id): (self.kind, self.name) = ("connection", id.description)
        case .group(let name): (self.kind, self.name) = ("group", name.text)
        case .user(let name): (self.kind, self.name) = ("user", name.text)
        }
    }
}

extension TraceReport.Published {
    init(_ entry: PublishedTrace) {
        self.hub = entry.publication.hub.text
        self.audience = TraceAudience(entry.publication.audience)
        self.sender = entry.publication.sender?.description
        self.time = entry.publication.timestamp
        self.bytes = entry.publication.payloadBytes
        switch entry.outcome {
        case .unknown: (self.outcome, self.receivers, self.position) = (nil, nil, nil)
        case .relayed(let receivers, let position):
            (self.outcome, self.receivers, self.position) = ("relayed", receivers, position?.description)
        case .waiting: (self.outcome, self.receivers, self.position) = ("waiting", nil, nil)
        case .failed(let error): (self.outcome, self.receivers, self.position) = (error, nil, nil)
        }
    }
}

extension TraceReport.Arrival {
    init(_ entry: ArrivedTrace) {
        self.hub = entry.publication.hub.text
        self.audience = TraceAudience(entry.publication.audience)
        self.publishedAt = entry.publication.timestamp
        self.time = entry.time
        self.state = entry.state.rawValue
        self.finishedAt = entry.finishedAt
        self.position = entry.position?.description
        self.connections = entry.connections
        self.excluded = entry.misses.excluded
        self.withoutMessage = entry.misses.withoutMessage
        self.closed = entry.misses.closed
        self.closedIDs = entry.misses.closedIDs.map(\.description)
        self.fullQueues = entry.fullQueues
    }
}

extension TraceReport.End {
    init(_ entry: EndedTrace) {
        self.connection = entry.id.description
        self.user = entry.user?.text
        self.time = entry.time
        self.code = entry.ending.code?.rawValue
        self.side = "\(entry.ending.side)"
        self.limit = entry.violation?.name
    }
}

extension LimitViolation {
    fileprivate var name: String {
        switch self {
        case .unsentBytes: "unsent-bytes"
        case .unsentAge: "unsent-age"
        case .slowMessage: "slow-message"
        case .idle: "idle"
        case .unresponsive: "unresponsive"
        case .rate: "rate"
        }
    }
}
