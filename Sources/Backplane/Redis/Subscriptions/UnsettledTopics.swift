import VolaryProtocol

/// The topics that are subscribed to and not live yet, and those of them that the node's health waits for. Pure.
///
/// Health waits for topics that were live before: their link was lost, or their log has a gap. It does not wait for a topic
/// that is subscribed to for the first time, because a healthy node subscribes with every new user and group.
struct UnsettledTopics {
    /// Topics that health waits for.
    private(set) var required: Set<Topic> = []
    /// New topics, which have never been live.
    private(set) var pending: Set<Topic> = []
    /// Topics that every node needs. Health waits for them even when they are new.
    private let permanent: [Topic]

    /// - Parameter own: this node.
    init(own: NodeID) {
        self.permanent = [.all(.default), .node(own)]
    }

    var isEmpty: Bool { self.required.isEmpty && self.pending.isEmpty }

    func contains(_ topic: Topic) -> Bool { self.required.contains(topic) || self.pending.contains(topic) }

    /// Call when the topic is to be subscribed to.
    mutating func wanted(_ topic: Topic) {
        if self.permanent.contains(topic) { self.required.insert(topic) } else { self.pending.insert(topic) }
    }

    /// Call when the topic is not live any more: the link was lost, or messages are missing. Changes nothing for a new topic.
    mutating func interrupted(_ topic: Topic) {
        if !self.pending.contains(topic) { self.required.insert(topic) }
    }

    /// Call when all later publications arrive, and missed messages have been read.
    /// - Returns: whether the topic was unsettled before.
    mutating func becameLive(_ topic: Topic) -> Bool {
        guard !self.isEmpty else { return false }
        return self.required.remove(topic) != nil || self.pending.remove(topic) != nil
    }

    /// Call when the topic is to be unsubscribed from.
    mutating func unwanted(_ topic: Topic) {
        self.required.remove(topic)
        self.pending.remove(topic)
    }

    /// The order in which to subscribe on a new link: topics that health waits for come before new ones.
    func inOrder(_ topics: [Topic]) -> [Topic] {
        let (permanent, others) = topics.split { self.permanent.contains($0) }
        let (required, rest) = others.split { self.required.contains($0) }
        return permanent + required + rest
    }
}

extension [Topic] {
    /// The topics for which `belongs` holds, and the others, each in their order.
    fileprivate func split(_ belongs: (Topic) -> Bool) -> (those: [Topic], others: [Topic]) {
        (self.filter(belongs), self.filter { !belongs($0) })
    }
}
