/// Judges a run by what the README promises. Pure.
///
/// - Nothing is delivered that was not published, and nothing that was refused.
/// - No connection gets a message twice.
/// - All connections see the messages of a topic in one order. Those that a node takes while it is cut off reach its own clients first:
///   these deliveries are left out, and so is what was published while two masters served; but always one publisher's messages come in
///   their order.
/// - What was taken reaches every connection that hears its topic, or it was published while one of the two nodes was under a fault, and
///   the loss was announced: to the client, to the publisher, or in the numbers of the node.
/// - A 200 counts no connection that has not got the message, and it is never said of a message that did not reach the cluster.
public struct HistoryChecker {
    /// How long before a socket's end, or a process', messages may have been on their way to it.
    static let underWay = Duration.seconds(2)
    /// How long before a fault a message may have been published that it hits.
    static let margin = Duration.milliseconds(500)

    let history: History
    let publications: [String: History.Publication]
    let connections: [String: History.Connection]
    /// By connection: what it got, in order, each once.
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
                self.verdict.violated(.published, "\(delivery.connection) got \(delivery.payload), which nobody has published")
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
        for publication in self.history.publications where self.isOwed(publication) {
            for connection in self.history.connections
            where self.hears(connection, publication) && !self.has(connection.name, publication.payload) {
                self.verdict.lost += 1
                let told = { (name: String, kind: History.Notice.Kind) in
                    notices[name]?.contains { $0.kind == kind && $0.at >= publication.at } == true
                }
                let isAnnounced =
                    told(connection.name, .missed) || told(publication.publisher, .refused)
                    || self.history.counts[connection.node].map { $0.lost > 0 } == true
                    || self.history.counts[publication.node].map { $0.expired > 0 } == true
                let isUnderFault =
                    self.isDisturbed(connection.node, at: publication.at)
                    || self.isDisturbed(publication.node, at: publication.at)
                let text = "\(publication.payload) of \(publication.node) at \(publication.at) for \(connection.name)"
                switch (isAnnounced, isUnderFault) {
                case (true, true): self.verdict.lostAsAnnounced(text)
                case (true, false): self.verdict.violated(.loss, "\(text) was lost outside of every fault")
                case (false, _): self.verdict.violated(.loss, "\(text) was lost in silence")
                }
            }
        }
    }

    private func isOwed(_ publication: History.Publication) -> Bool {
        guard publication.outcome == .taken else { return publication.outcome.isOwed }
        // Taken by a process that died with it in its hands.
        return !self.history.disturbances.contains {
            $0.killed && $0.node == publication.node && publication.at >= $0.from - Self.underWay && publication.at <= $0.to
        }
    }

    private func hears(_ connection: History.Connection, _ publication: History.Publication) -> Bool {
        guard connection.topics.contains(publication.topic), connection.opened <= publication.at else { return false }
        return connection.closed.map { publication.at < $0 - Self.underWay } ?? true
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
            case .odd(let answer):
                self.verdict.violated(.answer, "\(publication.payload) was answered with \(answer)")
            case .relayed(let nodes, _):
                for (node, recipients) in nodes where !self.history.hasStrangers {
                    let got = byNode[node, default: []].count { self.has($0.name, publication.payload) }
                    if got < recipients {
                        self.verdict.violated(
                            .receipt,
                            "200 for \(publication.payload) counts \(recipients) connections of \(node); \(got) have it"
                        )
                    }
                }
            case .unknown, .taken, .refused: break
            }
        }
    }
}
