import VolaryProtocol

/// What became of a message, on all nodes.
struct MessageTraceDocument: Encodable {
    struct Node: Encodable {
        let node: String
        /// When it came, and when the last connection had been written to.
        let arrivedAt: String
        let finishedAt: String?
        /// A name of ``ArrivedTrace/State``.
        let state: String
        let connections: Int
        let excluded: Int
        let withoutMessage: Int
        let closed: Int
        /// The first of those that were closed.
        let closedConnections: [String]
        let fullQueues: Int
    }

    struct End: Encodable {
        let node: String
        let connection: String
        let user: String?
        let at: String
        let code: Int
        let side: String
        let limit: String?
    }

    let id: String
    let hub: String
    let audience: TraceAudience
    /// The connection of the client that sent it; absent if REST or the node did.
    let sender: String?
    let publishedAt: String
    /// The name of the node, or its id if nobody knows it any more.
    let publishedBy: String
    let outcome: String?
    let position: String?
    let bytes: Int?
    /// That took it, on all nodes that answered.
    let connections: Int
    let nodes: [Node]
    /// Connections whose end may be the reason.
    let ended: [End]
    /// Names of the nodes that did not answer.
    let missing: [String]
    /// In words, for people.
    let findings: [String]

    /// - Returns: nil if no node that answered knows the message.
    init?(_ id: PublicationID, _ answers: TraceCollector.Answers, directory: NodeDirectory) {
        func name(_ id: NodeID) -> String { directory.name(of: id) ?? id.description }
        let reports = answers.reports.map { (node: name($0.key), report: $0.value) }.sorted { $0.node < $1.node }
        let published = reports.lazy.compactMap(\.report.published).first
        let arrivals = reports.flatMap { entry in entry.report.arrivals.map { (node: entry.node, arrival: $0) } }
        guard published != nil || !arrivals.isEmpty else { return nil }
        self.id = id.description
        self.hub = published?.hub ?? arrivals[0].arrival.hub
        self.audience = published?.audience ?? arrivals[0].arrival.audience
        self.sender = published?.sender
        self.publishedAt = Timestamp.milliseconds(published?.time ?? arrivals[0].arrival.publishedAt)
        self.publishedBy = name(id.node)
        self.outcome = published?.outcome
        self.position = published?.position ?? arrivals.lazy.compactMap(\.arrival.position).first
        self.bytes = published?.bytes
        self.connections = arrivals.reduce(0) { $0 + Int($1.arrival.connections) }
        self.nodes = arrivals.map { Node($0.node, $0.arrival) }
        self.ended = reports.flatMap { entry in entry.report.ends.map { (node: entry.node, end: $0) } }
            .sorted { $0.end.time < $1.end.time }.map { End($0.node, $0.end) }
        self.missing = answers.missing.map(name).sorted()
        self.findings = TraceFindings.texts(published, arrivals, ended: self.ended.count, missing: self.missing)
    }
}

extension MessageTraceDocument.Node {
    fileprivate init(_ node: String, _ arrival: TraceReport.Arrival) {
        self.node = node
        self.arrivedAt = Timestamp.milliseconds(arrival.time)
        self.finishedAt = arrival.finishedAt.map { Timestamp.milliseconds($0) }
        self.state = arrival.state
        self.connections = Int(arrival.connections)
        self.excluded = Int(arrival.excluded)
        self.withoutMessage = Int(arrival.withoutMessage)
        self.closed = Int(arrival.closed)
        self.closedConnections = arrival.closedIDs
        self.fullQueues = arrival.fullQueues
    }
}

extension MessageTraceDocument.End {
    fileprivate init(_ node: String, _ end: TraceReport.End) {
        self.node = node
        self.connection = end.connection
        self.user = end.user
        self.at = Timestamp.milliseconds(end.time)
        self.code = Int(end.code ?? 1006)
        self.side = end.side
        self.limit = end.limit
    }
}
