import VolaryProtocol

/// The logs of all subscribed topics, with a common limit on their buffers. Pure.
struct TopicLogs {
    /// Maximum of bytes that all topics together may buffer: 64 MiB, four times the limit of one topic. After an outage
    /// thousands of topics may catch up at once.
    static let maximumHeldBytes = 64 * 1024 * 1024

    /// The state of a topic after a step.
    struct Outcome: Hashable {
        let isFollowing: Bool
        let hasRequest: Bool
        /// Whether it does not follow its log after it has done so.
        var isBehind = false
        /// Number of messages that are lost because all topics together exceeded the limit.
        var lost = 0
    }

    let limit: Int
    private(set) var heldBytes = 0
    private var machines: [Topic: TopicLogStateMachine] = [:]
    private var topicsOfHub: [HubName: Set<Topic>] = [:]

    init(maximumHeldBytes: Int = Self.maximumHeldBytes) {
        self.limit = maximumHeldBytes
    }

    var topics: some Collection<Topic> { self.machines.keys }
    func topics(of hub: HubName) -> Set<Topic> { self.topicsOfHub[hub] ?? [] }
    /// The hubs of which topics are followed.
    var hubs: some Collection<HubName> { self.topicsOfHub.keys }

    subscript(topic: Topic) -> TopicLogStateMachine? { self.machines[topic] }

    /// Starts to follow a topic, unless it is followed already.
    mutating func begin(_ topic: Topic, own: NodeID) {
        guard self.machines[topic] == nil else { return }
        self.machines[topic] = TopicLogStateMachine(own: own)
        if let hub = topic.hub { self.topicsOfHub[hub, default: []].insert(topic) }
    }

    mutating func end(_ topic: Topic) {
        guard let machine = self.machines.removeValue(forKey: topic) else { return }
        self.heldBytes -= machine.heldBytes
        guard let hub = topic.hub else { return }
        self.topicsOfHub[hub]?.remove(topic)
        if self.topicsOfHub[hub]?.isEmpty == true { self.topicsOfHub[hub] = nil }
    }

    /// Performs a step of a topic's log. If all topics together exceed the limit after it, this topic empties its buffer and
    /// reads the messages from the log.
    /// - Returns: the result of the step; nil when the topic is not followed.
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
            isBehind: !self.machines.values[slot].isFollowing && self.machines.values[slot].position != .unknown,
            lost: lost
        )
        return (answer, outcome)
    }

    /// Call when Redis may have lost the data that it had before the link was lost.
    /// - Parameter hub: only its data; nil for all.
    mutating func storeBecameUnverified(of hub: HubName?) {
        for topic in self.machines.keys where hub == nil || topic.dataHub == hub { self.machines[topic]?.storeBecameUnverified() }
    }
}

extension Topic {
    /// The hub whose name of its data stands for the topic's: nodes' own topics are checked with the default hub's.
    var dataHub: HubName { self.hub ?? .default }
}
