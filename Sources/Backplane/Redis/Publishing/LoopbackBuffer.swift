import NIOCore
import VolaryProtocol

/// This node's own messages that are expected back from Redis for its own receiver. Pure.
///
/// When a message comes back and is in the buffer, it is delivered and removed. If it is not in the buffer, the receiver has
/// had it. When a link is lost, all messages are removed and delivered at once; if they come back later, they are dropped.
struct LoopbackBuffer {
    private struct Entry {
        let envelope: Envelope
        let bytes: Int
    }

    /// By topic, so that a topic with a gap does not delay the others.
    private var topics: [Topic: CircularBuffer<Entry>] = [:]
    /// Size of the envelopes, including ``Outbox/overheadBytes`` for each. Limited by the outbox and by the window of written
    /// messages.
    private(set) var totalBytes = 0
    private(set) var count = 0

    /// The sequence of the oldest message.
    var oldest: UInt64? { self.topics.values.lazy.compactMap { $0.first?.envelope.sequence }.min() }

    /// - Parameter envelope: its sequence is above those of all earlier ones.
    mutating func sent(_ envelope: Envelope, on topic: Topic, bytes: Int) {
        let cost = bytes + Outbox<Void>.overheadBytes
        self.topics[topic, default: CircularBuffer(initialCapacity: 2)].append(Entry(envelope: envelope, bytes: cost))
        self.totalBytes += cost
        self.count += 1
    }

    /// Call when a message of this node has come back. If it is to be delivered, appends it to `envelopes`, after all earlier
    /// messages of the topic. These will not come back any more, because a topic keeps its order.
    mutating func received(_ sequence: UInt64, on topic: Topic, into envelopes: inout [Envelope]) {
        // In place, because a copy of the buffer for each message would take time in proportion to its length.
        guard let slot = self.topics.index(forKey: topic),
            let found = self.topics.values[slot].firstIndex(where: { $0.envelope.sequence >= sequence }),
            self.topics.values[slot][found].envelope.sequence == sequence
        else { return }
        var next: UInt64
        repeat {
            let entry = self.topics.values[slot].removeFirst()
            next = entry.envelope.sequence
            envelopes.append(entry.envelope)
            self.totalBytes -= entry.bytes
            self.count -= 1
        } while next < sequence
    }

    /// Removes a message that will not come back and must not be delivered.
    mutating func forget(_ sequence: UInt64, on topic: Topic) {
        guard let slot = self.topics.index(forKey: topic),
            let found = self.topics.values[slot].firstIndex(where: { $0.envelope.sequence == sequence })
        else { return }
        self.totalBytes -= self.topics.values[slot].remove(at: found).bytes
        self.count -= 1
    }

    /// Call when this node is not subscribed to the topic any more.
    mutating func forget(_ topic: Topic) {
        for entry in self.topics.removeValue(forKey: topic) ?? [] {
            self.totalBytes -= entry.bytes
            self.count -= 1
        }
    }

    /// Call when a link was lost, so that it is unknown whether the messages come back.
    /// - Returns: all messages, to be delivered now, in the order in which they were sent.
    mutating func takeAll() -> [Envelope] {
        defer {
            self.topics.removeAll()
            self.totalBytes = 0
            self.count = 0
        }
        return self.topics.values.flatMap { $0.map(\.envelope) }.sorted { $0.sequence < $1.sequence }
    }
}
