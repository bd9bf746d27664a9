/// Checks a run against what reliable clients are promised. Pure.
///
/// - A connection gets only what was published to its topics, each message once, under dense numbers.
/// - All connections get messages in one order, whatever their topics, and that of each publisher.
/// - Nothing is missing between two messages of a connection.
/// - A connection that goes on gets every accepted message. Where ``ReliableHistory/mayTell`` is false, every connection goes on.
public struct ReliableChecker {
    private let history: ReliableHistory
    private let publications: [String: ReliableHistory.Publication]
    private let places: [String: Int]
    /// By name of the connection.
    private let received: [String: Set<String>]
    private var verdict = ReliableVerdict()

    public static func check(_ history: ReliableHistory) -> ReliableVerdict {
        var checker = ReliableChecker(history)
        for life in history.lives { checker.check(life) }
        checker.checkOrder()
        checker.checkHoles()
        for publication in history.publications { checker.check(publication) }
        return checker.verdict
    }

    private init(_ history: ReliableHistory) {
        self.history = history
        self.publications = Dictionary(history.publications.map { ($0.payload, $0) }) { first, _ in first }
        self.places = Dictionary(history.publications.enumerated().map { ($1.payload, $0) }) { first, _ in first }
        self.received = Dictionary(uniqueKeysWithValues: history.lives.map { ($0.name, Set($0.deliveries.map(\.payload))) })
        self.verdict.connections = history.lives.count
        self.verdict.deliveries = history.lives.reduce(0) { $0 + $1.deliveries.count }
        self.verdict.resumptions = history.lives.reduce(0) { $0 + $1.resumptions }
        self.verdict.told = history.lives.count { $0.told != nil }
    }

    // MARK: - One connection

    private mutating func check(_ life: ReliableHistory.Life) {
        for defect in life.defects { self.verdict.violated(.numbers, "\(life.name): \(defect)") }
        if let told = life.told, !self.history.mayTell {
            self.verdict.violated(.resumption, "\(life.name) was told at \(told) that it cannot go on")
        }
        var seen: Set<String> = []
        /// By publisher.
        var last: [String: String] = [:]
        for delivery in life.deliveries {
            let payload = delivery.payload
            guard seen.insert(payload).inserted else {
                self.verdict.duplicated += 1
                self.verdict.violated(.once, "\(life.name) got \(payload) twice, again as \(delivery.sequence)")
                continue
            }
            guard let publication = self.publications[payload], life.topics.contains(publication.topic),
                publication.outcome != .refused
            else {
                self.verdict.violated(.published, "\(life.name) got \(payload), which was refused or not published for it")
                continue
            }
            // What was not answered may have been executed after a later one.
            guard publication.outcome == .accepted, !publication.isLate else { continue }
            if let before = last[publication.publisher], self.places[before, default: 0] > self.places[payload, default: 0] {
                self.verdict.reordered += 1
                self.verdict.violated(.order, "\(life.name) got \(before) before \(payload), which was published first")
            }
            last[publication.publisher] = payload
        }
    }

    // MARK: - All connections

    /// Connections that are compared with each other: those that went on to the end, and those of which the clients were told. After a
    /// loss of Redis' data, nodes publish again what it lacks: new connections may get that in another order than the former ones.
    private var comparable: [[ReliableHistory.Life]] {
        [self.history.lives.filter { $0.told == nil }, self.history.lives.filter { $0.told != nil }]
    }

    private mutating func checkOrder() {
        for lives in self.comparable { self.checkOrder(of: lives) }
    }

    /// Whether the relation "a directly before b at some connection" has no cycle.
    private mutating func checkOrder(of lives: [ReliableHistory.Life]) {
        var successors: [String: Set<String>] = [:]
        var predecessors: [String: Int] = [:]
        for life in lives {
            let payloads = life.deliveries.map(\.payload)
            for payload in payloads { predecessors[payload, default: 0] += 0 }
            for (before, after) in zip(payloads, payloads.dropFirst())
            where before != after && successors[before, default: []].insert(after).inserted {
                predecessors[after, default: 0] += 1
            }
        }
        var free = predecessors.filter { $0.value == 0 }.map(\.key)
        var placed = 0
        while let payload = free.popLast() {
            placed += 1
            for after in successors[payload, default: []] {
                predecessors[after, default: 0] -= 1
                if predecessors[after] == 0 { free.append(after) }
            }
        }
        guard placed < predecessors.count else { return }
        let unplaced = predecessors.filter { $0.value > 0 }.map(\.key).sorted()
        self.verdict.reordered += unplaced.count
        self.verdict.violated(.order, "no order fits what all connections got; it has no place for \(unplaced.prefix(5))")
    }

    /// Compares each connection with each other one: between two messages that both have, a message for both is with both.
    private mutating func checkHoles() {
        for (lives, life) in self.comparable.flatMap({ lives in lives.map { (lives, $0) } }) {
            let received = self.received[life.name] ?? []
            for other in lives where other.name != life.name {
                let payloads = other.deliveries.map(\.payload)
                guard let first = payloads.firstIndex(where: received.contains),
                    let last = payloads.lastIndex(where: received.contains)
                else { continue }
                for payload in payloads[first...last] where !received.contains(payload) {
                    guard let topic = self.publications[payload]?.topic, life.topics.contains(topic) else { continue }
                    self.verdict.holes += 1
                    self.verdict.violated(.hole, "\(life.name) lacks \(payload), which \(other.name) got between others of both")
                }
            }
        }
    }

    private mutating func check(_ publication: ReliableHistory.Publication) {
        if case .unexpected(let answer) = publication.outcome {
            self.verdict.violated(.answer, "\(publication.payload) was answered with \(answer)")
        }
        guard self.isGuaranteed(publication) else { return }
        for life in self.history.lives
        where life.told == nil && life.opened <= publication.at && life.topics.contains(publication.topic)
            && self.received[life.name]?.contains(publication.payload) == false
        {
            self.verdict.lost += 1
            self.verdict.violated(.loss, "\(life.name) lacks \(publication.payload) of \(publication.node) at \(publication.at)")
        }
    }

    private func isGuaranteed(_ publication: ReliableHistory.Publication) -> Bool {
        switch publication.outcome {
        case .accepted: true
        case .queued:
            self.history.expired[publication.node, default: 0] == 0
                && !self.history.kills.contains {
                    $0.node == publication.node && publication.at >= $0.from && publication.at <= $0.to
                }
        case .unknown, .refused, .unexpected: false
        }
    }
}
