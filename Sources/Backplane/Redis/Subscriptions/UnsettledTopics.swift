import VolaryProtocol

/// The topics that are wanted and do not arrive yet, and for which of them the node's health waits. Pure.
///
/// Health waits for topics that arrived before: whose link was lost, or whose log has a gap. For a topic that is subscribed to for the first
/// time only its subscriber waits: a healthy node subscribes with every new user and group.
struct UnsettledTopics {
    /// Topics that health waits for.
    private(set) var required: Set<Topic> = []
    /// New topics: wanted, and never live since.
    private(set) var pending: Set<Topic> = []
    /// Topics that every node needs: health waits for them also when they are new.
    private let permanent: [Topic]

    /// - Parameter own: this node.
    init(own: NodeID) {
        self.permanent = [.all, .node(own)]
    }

    var isEmpty: Bool { self.required.isEmpty && self.pending.isEmpty }

    func contains(_ topic: Topic) -> Bool { self.required.contains(topic) || self.pending.contains(topic) }

    /// The topic is wanted from now on.
    mutating func wanted(_ topic: Topic) {
        if self.permanent.contains(topic) { self.required.insert(topic) } else { self.pending.insert(topic) }
    }

    /// The topic is not live any longer: the link was lost, or messages are missing. Changes nothing for a new topic.
    mutating func interrupted(_ topic: Topic) {
        if !self.pending.contains(topic) { self.required.insert(topic) }
    }

    /// All that is published from now on arrives, and what was missed has been fetched.
    /// - Returns: whether the topic was unsettled before.
    mutating func becameLive(_ topic: Topic) -> Bool {
        guard !self.isEmpty else { return false }
        return self.required.remove(topic) != nil || self.pending.remove(topic) != nil
    }

    /// The topic is wanted no longer.
    mutating func unwanted(_ topic: Topic) {
        self.required.remove(topic)
        self.pending.remove(topic)
    }

    /// In the order in which to subscribe to them on a new link: those that health waits for come before new ones.
    func inOrder(_ topics: [Topic]) -> [Topic] {
        let (permanent, others) = topics.split { self.permanent.contains($0) }
        let (required, rest) = others.split { self.required.contains($0) }
        return permanent + required + rest
    }
}

extension [Topic] {
    /// Topics for which `belongs` holds, and the others, each in their order.
    fileprivate func split(_ belongs: (Topic) -> Bool) -> (those: [Topic], others: [Topic]) {
        (self.filter(belongs), self.filter { !belongs($0) })
    }
}
