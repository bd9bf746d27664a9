extension HistoryChecker {
    /// Checks that each topic has one order, and that each publisher's order is kept.
    mutating func checkOrder() {
        self.checkPublishers()
        for topic in Set(self.history.publications.map(\.topic)) { self.checkTopic(topic) }
    }

    // MARK: - One publisher

    private mutating func checkPublishers() {
        var places: [String: Int] = [:]
        for (place, publication) in self.history.publications.enumerated() { places[publication.payload] = place }
        for (connection, payloads) in self.received {
            /// By publisher and topic.
            var last: [String: String] = [:]
            for payload in payloads {
                // If a message was not answered, it is not known when it ended relative to the next one.
                guard let publication = self.publications[payload], publication.outcome != .unknown else { continue }
                let key = "\(publication.publisher) \(publication.topic)"
                if let previous = last[key], places[previous, default: 0] > places[payload, default: 0] {
                    self.verdict.reordered += 1
                    self.verdict.violated(.order, "\(connection) got \(previous) before \(payload), which was published first")
                } else {
                    last[key] = payload
                }
            }
        }
    }

    // MARK: - One topic

    private mutating func checkTopic(_ topic: String) {
        let sequences = self.received.keys.sorted().map { connection in
            (connection, self.ordered(connection, topic: topic))
        }
        var reordered = 0
        for (first, sequence) in sequences {
            let places = Dictionary(uniqueKeysWithValues: sequence.enumerated().map { ($0.element, $0.offset) })
            for (second, other) in sequences where second > first {
                // The common messages in the order of the second, as places in the first: these must rise.
                var highest: (place: Int, payload: String)?
                for payload in other {
                    guard let place = places[payload] else { continue }
                    if let before = highest, place < before.place {
                        reordered += 1
                        self.verdict.violated(
                            .order,
                            "\(first) got \(payload) before \(before.payload), \(second) the other way round"
                        )
                    } else {
                        highest = (place, payload)
                    }
                }
            }
        }
        self.verdict.reordered += reordered
        if reordered == 0, !Self.haveOneOrder(sequences.map(\.1)) {
            self.verdict.reordered += 1
            self.verdict.violated(.order, "no order of topic \(topic) fits what all connections got")
        }
    }

    /// Without messages that a partitioned node delivered to its own clients first, and without those from the time of two
    /// masters.
    private func ordered(_ connection: String, topic: String) -> [String] {
        let node = self.connections[connection]?.node
        return self.received[connection, default: []].filter { payload in
            guard let publication = self.publications[payload], publication.topic == topic else { return false }
            return self.disturbances(of: publication.node, at: publication.at).allSatisfy {
                publication.node != node && !$0.hasTwoMasters
            }
        }
    }

    /// Whether the relation "a directly before b at some connection" has no cycle. Three connections may agree in pairs and still
    /// not have a common order.
    private static func haveOneOrder(_ sequences: [[String]]) -> Bool {
        var successors: [String: Set<String>] = [:]
        var predecessors: [String: Int] = [:]
        for sequence in sequences {
            for payload in sequence { predecessors[payload, default: 0] += 0 }
            for (before, after) in zip(sequence, sequence.dropFirst())
            where successors[before, default: []].insert(after).inserted {
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
        return placed == predecessors.count
    }
}
