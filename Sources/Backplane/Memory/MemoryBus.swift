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

    private struct State {
        var members: [NodeID: Member] = [:]
        /// Of the last publication. One order of all hubs is an order of each.
        var position = Position(epoch: UInt64(max(UTCClock.now(), 1)), number: 0)
    }

    private let state = NIOLockedValueBox(State())

    public init() {}

    func join(_ broker: MemoryBroker) {
        self.state.withLockedValue { $0.members[broker.node] = Member(broker: broker) }
    }

    func leave(_ node: NodeID) {
        self.state.withLockedValue { _ = $0.members.removeValue(forKey: node) }
    }

    func subscribe(_ node: NodeID, to topic: Topic) {
        self.state.withLockedValue { _ = $0.members[node]?.topics.insert(topic) }
    }

    func unsubscribe(_ node: NodeID, from topic: Topic) {
        self.state.withLockedValue { _ = $0.members[node]?.topics.remove(topic) }
    }

    /// Puts an envelope into the inboxes of all subscribed brokers, or of none.
    ///
    /// The lock is held for all inboxes, which gives the topic one order. `makeEnvelope` runs under the lock, so sequence numbers
    /// follow the order of the topic.
    /// - Returns: the number of inboxes, and the publication's position; nil when one of them is full.
    func publish(to topic: Topic, bytes: Int, makeEnvelope: () -> Envelope) -> (receivers: Int, position: Position)? {
        let (published, toWake) = self.state.withLockedValue { state -> ((Int, Position)?, [MemoryBroker]) in
            let receivers = state.members.values.filter { $0.topics.contains(topic) }.map(\.broker)
            guard receivers.allSatisfy({ $0.inboxHasRoom(for: bytes) }) else { return (nil, []) }
            let envelope = makeEnvelope()
            state.position = Position(epoch: state.position.epoch, number: state.position.number + 1)
            return ((receivers.count, state.position), receivers.filter { $0.enqueue(envelope, bytes: bytes) })
        }
        for broker in toWake { broker.wake() }
        return published
    }
}
