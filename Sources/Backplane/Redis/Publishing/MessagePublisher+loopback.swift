import VolaryProtocol

/// This node's own messages that come back through Redis.
extension MessagePublisher {
    func cameBack(_ sequence: UInt64, on topic: Topic, into envelopes: inout [Envelope]) {
        self.queue.cameBack(sequence, on: topic, into: &envelopes)
    }

    /// - Returns: whether the envelope names this node as its origin but was not sent by it.
    func isForged(_ envelope: Envelope) -> Bool {
        envelope.origin == self.context.node && self.queue.observed(ownSequence: envelope.sequence)
    }

    /// Call before SSUBSCRIBE is sent for a topic that this node did not want before.
    func subscribing(to topic: Topic) { self.queue.subscribing(to: topic) }

    func unsubscribed(from topic: Topic) { self.queue.forgetLoopback(of: topic) }

    /// Call once per second. Returns whether a message of this node does not come back for no known reason.
    func loopbackIsStalled(allTopicsArrive: Bool) -> Bool {
        self.queue.loopbackIsStalled(allTopicsArrive: allTopicsArrive)
    }

    /// Call when one of the links was lost. This node's receiver gets the messages that may not come back.
    func deliverLoopback() { self.context.deliver(self.queue.takeLoopback()) }
}
