import NIOCore
import VolaryProtocol

/// This node's own messages on their way through Redis back to its own receiver. Pure.
///
/// A message that comes back is delivered if it is in the buffer, and leaves it; otherwise the receiver has had it already. When a link is
/// lost, all are taken out and delivered at once, and are dropped should they still come back.
struct LoopbackBuffer {
    private struct Entry {
        let envelope: Envelope
        let bytes: Int
    }

    /// By topic: a topic with a gap must not hold up the others.
    private var topics: [Topic: CircularBuffer<Entry>] = [:]
    /// Of the envelopes, with ``Outbox/overheadBytes`` for each. Bounded by the outbox, and by the window of what has been written.
    private(set) var totalBytes = 0
    private(set) var count = 0

    /// The sequence of the oldest.
    var oldest: UInt64? { self.topics.values.lazy.compactMap { $0.first?.envelope.sequence }.min() }

    /// - Parameter envelope: its sequence is above all before it.
    mutating func sent(_ envelope: Envelope, on topic: Topic, bytes: Int) {
        let cost = bytes + Outbox<Void>.overheadBytes
        self.topics[topic, default: CircularBuffer(initialCapacity: 2)].append(Entry(envelope: envelope, bytes: cost))
        self.totalBytes += cost
        self.count += 1
    }

    /// A message of this node has come back. Appends it to `envelopes` if it is to be delivered, and before it the messages of the topic that were
    /// sent earlier: a topic keeps its order, so they will not come back any more.
    mutating func received(_ sequence: UInt64, on topic: Topic, into envelopes: inout [Envelope]) {
        // In place: a copy of the buffer would cost time in proportion to its length for each message.
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

    /// The message will not come back and is not to be delivered.
    mutating func forget(_ sequence: UInt64, on topic: Topic) {
        guard let slot = self.topics.index(forKey: topic),
            let found = self.topics.values[slot].firstIndex(where: { $0.envelope.sequence == sequence })
        else { return }
        self.totalBytes -= self.topics.values[slot].remove(at: found).bytes
        self.count -= 1
    }

    /// This node is not subscribed to `topic` any longer.
    mutating func forget(_ topic: Topic) {
        for entry in self.topics.removeValue(forKey: topic) ?? [] {
            self.totalBytes -= entry.bytes
            self.count -= 1
        }
    }

    /// A link is lost, so it is unknown whether they come back.
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
