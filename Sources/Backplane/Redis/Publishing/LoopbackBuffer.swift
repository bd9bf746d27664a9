import NIOCore
import VolaryProtocol

/// This node's own messages on their way through Redis back to its own receiver.
///
/// An own message that comes back is delivered when it is in here, and leaves; otherwise the receiver has had it already. When
/// a link is lost, all of them are taken out and delivered at once, and will be dropped should they still come. Pure.
struct LoopbackBuffer {
    private struct Entry {
        let envelope: Envelope
        let bytes: Int
    }

    /// Each topic has an order of its own: one that lacks something must not keep the others from coming home.
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

    /// An own message has come back. Appends it to `envelopes` when it is to be delivered, and before it those of the topic that were
    /// sent earlier: they will not come any more, as a topic keeps its order, and this node's clients are not to miss them.
    mutating func received(_ sequence: UInt64, on topic: Topic, into envelopes: inout [Envelope]) {
        // In place: a copy of the buffer would cost each message all those behind it.
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

    /// This one will not come, and nobody is to get it.
    mutating func forget(_ sequence: UInt64, on topic: Topic) {
        guard let slot = self.topics.index(forKey: topic),
            let found = self.topics.values[slot].firstIndex(where: { $0.envelope.sequence == sequence })
        else { return }
        self.totalBytes -= self.topics.values[slot].remove(at: found).bytes
        self.count -= 1
    }

    /// Nobody listens to `topic` here any longer.
    mutating func forget(_ topic: Topic) {
        for entry in self.topics.removeValue(forKey: topic) ?? [] {
            self.totalBytes -= entry.bytes
            self.count -= 1
        }
    }

    /// A link is lost: whether they come back is unknown, so they are to be delivered now, in the order in which they were sent.
    mutating func takeAll() -> [Envelope] {
        defer {
            self.topics.removeAll()
            self.totalBytes = 0
            self.count = 0
        }
        return self.topics.values.flatMap { $0.map(\.envelope) }.sorted { $0.sequence < $1.sequence }
    }
}
