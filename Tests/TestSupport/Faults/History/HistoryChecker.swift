/// Checks a run against the guarantees of Guarantees.md. Pure.
///
/// - Only published messages are delivered, and no refused ones.
/// - No connection gets a message twice.
/// - All connections get the messages of a topic in one order. Messages that a node accepts while it is partitioned reach its
///   own clients first: these deliveries are excluded, and so are messages published while two masters served. The messages of
///   one publisher are always in order.
/// - An accepted message reaches every connection of its topic, or it was published while one of the two nodes was affected by
///   a fault, and the loss was reported: to the client, to the publisher, or in the node's metrics.
/// - A 200 counts only connections that have got the message, and is never the answer for a message that did not reach the
///   cluster.
public struct HistoryChecker {
    /// How long before the end of a socket or process messages may have been in flight.
    static let inFlight = Duration.seconds(2)
    /// A fault may affect a message that was published this long before it.
    static let margin = Duration.milliseconds(500)

    let history: History
    let publications: [String: History.Publication]
    let connections: [String: History.Connection]
    /// By connection: the messages that it got, in order, without repetitions.
    var received: [String: [String]] = [:]
    private var receivedSet: [String: Set<String>] = [:]
    var verdict = HistoryVerdict()

    public static func check(_ history: History) -> HistoryVerdict {
        var checker = HistoryChecker(history)
        checker.checkDeliveries()
        checker.checkOrder()
        checker.checkLoss()
        checker.checkAnswers()
        return checker.verdict
    }

    private init(_ history: History) {
        self.history = history
        self.publications = Dictionary(history.publications.map { ($0.payload, $0) }) { first, _ in first }
        self.connections = Dictionary(history.connections.map { ($0.name, $0) }) { first, _ in first }
        self.verdict.publications = history.publications.count
        self.verdict.deliveries = history.deliveries.count
        self.verdict.notices = history.notices.count { $0.kind == .missed }
    }

    // MARK: - Published, and once

    private mutating func checkDeliveries() {
        for delivery in self.history.deliveries {
            let isNew = self.receivedSet[delivery.connection, default: []].insert(delivery.payload).inserted
            guard isNew else {
                self.verdict.duplicated += 1
                self.verdict.violated(.once, "\(delivery.connection) got \(delivery.payload) twice, again at \(delivery.at)")
                continue
            }
            self.received[delivery.connection, default: []].append(delivery.payload)
            guard let publication = self.publications[delivery.payload] else {
                self.verdict.violated(.published, "\(delivery.connection) got \(delivery.payload), which was not published")
                continue
            }
            if publication.outcome == .refused {
                self.verdict.violated(.published, "\(delivery.connection) got \(delivery.payload), which had been refused")
            }
            if self.connections[delivery.connection]?.topics.contains(publication.topic) == false {
                self.verdict.violated(.published, "\(delivery.connection) got \(delivery.payload) of \(publication.topic)")
            }
        }
    }

    func has(_ connection: String, _ payload: String) -> Bool { self.receivedSet[connection]?.contains(payload) == true }

    // MARK: - Loss

    private mutating func checkLoss() {
        let notices = Dictionary(grouping: self.history.notices, by: \.connection)
        for publication in self.history.publications where self.isGuaranteed(publication) {
            for connection in self.history.connections
            where self.hears(connection, publication) && !self.has(connection.name, publication.payload) {
                self.verdict.lost += 1
                let wasNotified = { (name: String, kind: History.Notice.Kind) in
                    notices[name]?.contains { $0.kind == kind && $0.at >= publication.at } == true
                }
                let isAnnounced =
                    wasNotified(connection.name, .missed) || wasNotified(publication.publisher, .refused)
                    || self.history.counts[connection.node].map { $0.lost > 0 } == true
                    || self.history.counts[publication.node].map { $0.expired > 0 } == true
                let isUnderFault =
                    self.isDisturbed(connection.node, at: publication.at)
                    || self.isDisturbed(publication.node, at: publication.at)
                let text = "\(publication.payload) of \(publication.node) at \(publication.at) for \(connection.name)"
                switch (isAnnounced, isUnderFault) {
                case (true, true): self.verdict.lostAsAnnounced(text)
                case (true, false): self.verdict.violated(.loss, "\(text) was lost without a fault")
                case (false, _): self.verdict.violated(.loss, "\(text) was lost without a report")
                }
            }
        }
    }

    private func isGuaranteed(_ publication: History.Publication) -> Bool {
        guard publication.outcome == .accepted else { return publication.outcome.isGuaranteed }
        // Accepted by a process that ended before it passed the message on.
        return !self.history.disturbances.contains {
            $0.killed && $0.node == publication.node && publication.at >= $0.from - Self.inFlight && publication.at <= $0.to
        }
    }

    private func hears(_ connection: History.Connection, _ publication: History.Publication) -> Bool {
        guard connection.topics.contains(publication.topic), connection.opened <= publication.at else { return false }
        return connection.closed.map { publication.at < $0 - Self.inFlight } ?? true
    }

    func isDisturbed(_ node: String, at time: Duration) -> Bool {
        !self.disturbances(of: node, at: time).isEmpty
    }

    func disturbances(of node: String, at time: Duration) -> [History.Disturbance] {
        self.history.disturbances.filter { $0.node == node && time >= $0.from - Self.margin && time <= $0.to }
    }

    // MARK: - Answers

    private mutating func checkAnswers() {
        let byNode = Dictionary(grouping: self.history.connections, by: \.node)
        for publication in self.history.publications {
            switch publication.outcome {
            case .unexpected(let answer):
                self.verdict.violated(.answer, "\(publication.payload) was answered with \(answer)")
            case .relayed(let nodes, _):
                let all = self.history.connections.count { self.has($0.name, publication.payload) }
                let named = nodes.reduce(0) { $0 + (byNode[$1.key] == nil ? 0 : $1.value) }
                for (node, recipients) in nodes where !self.history.hasUnrecordedClients {
                    // A process that is not registered yet, or has ended since, has an id only: its connections are those that are left.
                    let got = byNode[node]?.count { self.has($0.name, publication.payload) } ?? all - named
                    if got < recipients {
                        self.verdict.violated(
                            .receipt,
                            "200 for \(publication.payload) counts \(recipients) connections of \(node); \(got) got it"
                        )
                    }
                }
            case .unknown, .accepted, .refused: break
            }
        }
    }
}
