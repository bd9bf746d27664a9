import VolaryProtocol

/// A node's subscriptions to topics of a hub, over one link.
struct HubSubscriptions {
    private struct Topic {
        /// The highest number heard when the subscription was confirmed; nil before. Later entries of the topic are heard.
        var since: UInt64?
        /// The last entry that was heard; nil before the first.
        var last: UInt64?
    }

    private var topics: [Audience: Topic] = [:]
    /// Subscriptions without confirmation, also of topics that were released meanwhile: only the last confirmation counts.
    private var awaited: [Audience: Int] = [:]
    private(set) var isLinked = true
    /// The highest number that was heard on the link.
    private(set) var heard: UInt64 = 0

    func isConfirmed(_ topic: Audience) -> Bool { self.topics[topic]?.since != nil }

    /// Whether all entries of the topic above `number` are heard.
    func covers(_ topic: Audience, above number: UInt64) -> Bool { self.topics[topic]?.since.map { $0 < number } ?? false }

    /// Topics whose subscription is confirmed.
    var confirmed: [Audience] { self.topics.compactMap { $0.value.since == nil ? nil : $0.key } }

    /// - Returns: those to be subscribed to now.
    mutating func want(_ topics: Set<Audience>) -> [Audience] {
        let new = topics.filter { topic in
            guard self.topics[topic] == nil else { return false }
            self.topics[topic] = Topic()
            if self.isLinked { self.awaited[topic, default: 0] += 1 }
            return self.isLinked
        }
        return new.inOrder()
    }

    /// - Returns: whether a subscription must be ended.
    mutating func release(_ topic: Audience) -> Bool { self.topics.removeValue(forKey: topic) != nil && self.isLinked }

    mutating func wereConfirmed(_ topics: [Audience]) {
        for topic in topics {
            guard let awaited = self.awaited[topic] else { continue }
            self.awaited[topic] = awaited > 1 ? awaited - 1 : nil
            if awaited == 1 { self.topics[topic]?.since = self.heard }
        }
    }

    mutating func heard(_ number: UInt64) { self.heard = max(self.heard, number) }

    /// - Returns: the last entry that was heard, if others were missed between it and this one.
    mutating func heard(_ entry: LogEntry) -> UInt64? {
        self.heard(entry.number)
        // Without confirmation, it comes from a subscription that is being ended.
        guard let topic = self.topics[entry.topic], topic.since != nil else { return nil }
        let last = topic.last
        self.topics[entry.topic]?.last = entry.number
        return last.flatMap { entry.previous > $0 ? $0 : nil }
    }

    /// Compares with the number of the topic's last entry, which may be older than the subscription if nothing was heard yet.
    /// - Returns: the last entry that was heard, if the link has passed `number` without it.
    mutating func compare(_ topic: Audience, _ number: UInt64) -> UInt64? {
        guard let state = self.topics[topic], state.since != nil, number <= self.heard else { return nil }
        self.topics[topic]?.last = max(state.last ?? 0, number)
        return state.last.flatMap { $0 < number ? $0 : nil }
    }

    mutating func linkWasLost() {
        self.isLinked = false
        self.awaited = [:]
        self.topics = self.topics.mapValues { _ in Topic() }
    }

    /// - Returns: those to be subscribed to now, all that are wanted.
    mutating func linkWasRestored() -> [Audience] {
        self.isLinked = true
        self.awaited = self.topics.mapValues { _ in 1 }
        return self.topics.keys.inOrder()
    }
}
