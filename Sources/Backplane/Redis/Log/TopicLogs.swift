import VolaryProtocol

/// The logs of all topics that are wanted, and one bound over what they hold back together. Pure.
struct TopicLogs {
    /// Bytes that all topics together may hold back: 64 MiB, four times what one may. After an outage thousands may catch up at once.
    static let maximumHeldBytes = 64 * 1024 * 1024

    /// What a step has left a topic with.
    struct Outcome: Hashable {
        let isFollowing: Bool
        let hasRequest: Bool
    }

    let limit: Int
    private(set) var heldBytes = 0
    private var machines: [Topic: TopicLogStateMachine] = [:]

    init(maximumHeldBytes: Int = Self.maximumHeldBytes) {
        self.limit = maximumHeldBytes
    }

    var topics: some Collection<Topic> { self.machines.keys }

    subscript(topic: Topic) -> TopicLogStateMachine? { self.machines[topic] }

    /// Follows a topic from now on, unless it does already.
    mutating func begin(_ topic: Topic, own: NodeID) {
        if self.machines[topic] == nil { self.machines[topic] = TopicLogStateMachine(own: own) }
    }

    mutating func end(_ topic: Topic) {
        if let machine = self.machines.removeValue(forKey: topic) { self.heldBytes -= machine.held.bytes }
    }

    /// Does something to a topic's log. Where all hold back more than the bound then, this one forgets what it holds, and reads it again from
    /// the log.
    /// - Returns: nil when the topic is not followed.
    mutating func step(
        _ topic: Topic,
        into output: inout TopicLogStateMachine.Output,
        _ body: (inout TopicLogStateMachine, inout TopicLogStateMachine.Output) -> Void
    ) -> Outcome? {
        guard let slot = self.machines.index(forKey: topic) else { return nil }
        let before = self.machines.values[slot].held.bytes
        body(&self.machines.values[slot], &output)
        self.heldBytes += self.machines.values[slot].held.bytes - before
        if self.heldBytes > self.limit {
            self.heldBytes -= self.machines.values[slot].held.bytes
            self.machines.values[slot].forgetHeld(&output)
        }
        return Outcome(isFollowing: self.machines.values[slot].isFollowing, hasRequest: self.machines.values[slot].request != nil)
    }

    /// Redis may not hold the data any longer that it held before the link was lost.
    mutating func storeBecameUnverified() {
        for topic in self.machines.keys { self.machines[topic]?.storeBecameUnverified() }
    }
}
