import VolaryProtocol

/// The logs of all topics that are wanted, and one bound on what they buffer together. Pure.
struct TopicLogs {
    /// Bytes that all topics together may buffer: 64 MiB, four times the limit of one. After an outage thousands may catch up at once.
    static let maximumHeldBytes = 64 * 1024 * 1024

    /// What a step has left a topic with.
    struct Outcome: Hashable {
        let isFollowing: Bool
        let hasRequest: Bool
        /// Messages that are lost, as all topics together buffered too much.
        var lost = 0
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
        if let machine = self.machines.removeValue(forKey: topic) { self.heldBytes -= machine.heldBytes }
    }

    /// Performs a step of a topic's log. If all topics together buffer more than the bound then, this one empties its buffer and reads the messages
    /// from the log.
    /// - Returns: what the step has answered; nil when the topic is not followed.
    mutating func step<Answer>(
        _ topic: Topic,
        _ body: (inout TopicLogStateMachine) -> Answer
    ) -> (answer: Answer, outcome: Outcome)? {
        guard let slot = self.machines.index(forKey: topic) else { return nil }
        let before = self.machines.values[slot].heldBytes
        let answer = body(&self.machines.values[slot])
        self.heldBytes += self.machines.values[slot].heldBytes - before
        var lost = 0
        if self.heldBytes > self.limit {
            self.heldBytes -= self.machines.values[slot].heldBytes
            lost = self.machines.values[slot].forgetHeld()
        }
        let outcome = Outcome(
            isFollowing: self.machines.values[slot].isFollowing,
            hasRequest: self.machines.values[slot].request != nil,
            lost: lost
        )
        return (answer, outcome)
    }

    /// Redis may not hold the data any longer that it held before the link was lost.
    mutating func storeBecameUnverified() {
        for topic in self.machines.keys { self.machines[topic]?.storeBecameUnverified() }
    }
}
