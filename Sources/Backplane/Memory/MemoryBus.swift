import NIOConcurrencyHelpers
import VolaryProtocol

/// Connects the brokers of several nodes in one process: the counterpart of a Redis server in memory.
///
/// In production it serves a cluster of one node; tests join several nodes.
public final class MemoryBus: Sendable {
    private struct Member {
        let broker: MemoryBroker
        var topics: Set<Topic> = []
    }

    private let members = NIOLockedValueBox<[NodeID: Member]>([:])

    public init() {}

    func join(_ broker: MemoryBroker) {
        self.members.withLockedValue { $0[broker.node] = Member(broker: broker) }
    }

    func leave(_ node: NodeID) {
        self.members.withLockedValue { _ = $0.removeValue(forKey: node) }
    }

    func subscribe(_ node: NodeID, to topic: Topic) {
        self.members.withLockedValue { _ = $0[node]?.topics.insert(topic) }
    }

    func unsubscribe(_ node: NodeID, from topic: Topic) {
        self.members.withLockedValue { _ = $0[node]?.topics.remove(topic) }
    }

    /// Puts an envelope into the inboxes of all subscribed brokers, or of none.
    ///
    /// The lock is held for all inboxes, which gives the topic one order. `makeEnvelope` runs under the lock, so sequence numbers
    /// follow the order of the topic.
    /// - Returns: the number of inboxes; nil when one of them is full.
    func publish(to topic: Topic, bytes: Int, makeEnvelope: () -> Envelope) -> Int? {
        let (count, toWake) = self.members.withLockedValue { members -> (Int?, [MemoryBroker]) in
            let receivers = members.values.filter { $0.topics.contains(topic) }.map(\.broker)
            guard receivers.allSatisfy({ $0.inboxHasRoom(for: bytes) }) else { return (nil, []) }
            let envelope = makeEnvelope()
            return (receivers.count, receivers.filter { $0.enqueue(envelope, bytes: bytes) })
        }
        for broker in toWake { broker.wake() }
        return count
    }
}
