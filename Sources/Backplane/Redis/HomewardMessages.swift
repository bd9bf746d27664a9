import NIOCore
import Protocol

/// This node's own messages on their way through Redis back to its own receiver.
///
/// An own message that comes back is delivered when it is in here, and leaves; otherwise the receiver has had it already. When
/// a link is lost, all of them are taken out and delivered at once, and will be dropped should they still come. Pure.
struct HomewardMessages {
    private struct Entry {
        let envelope: Envelope
        let topic: Topic
        let bytes: Int
    }

    /// Of the envelopes: 64 MiB. Beyond, the subscriber's link is not worth waiting for.
    let maximumBytes: Int
    private var entries = CircularBuffer<Entry>()
    private var totalBytes = 0

    init(maximumBytes: Int = 64 * 1024 * 1024) {
        self.maximumBytes = maximumBytes
    }

    var count: Int { self.entries.count }
    var isOverfull: Bool { self.totalBytes > self.maximumBytes && self.entries.count > 1 }

    /// - Parameter envelope: its sequence is above all before it.
    mutating func sent(_ envelope: Envelope, on topic: Topic, bytes: Int) {
        let cost = bytes + Outbox<Void>.overheadBytes
        self.entries.append(Entry(envelope: envelope, topic: topic, bytes: cost))
        self.totalBytes += cost
    }

    /// An own message has come back.
    /// - Returns: whether it is to be delivered. Those sent before it will not come any more: one connection carries them in order.
    mutating func cameBack(_ sequence: UInt64) -> Bool {
        guard let next = self.entries.first(where: { $0.envelope.sequence >= sequence }),
            next.envelope.sequence == sequence
        else { return false }
        while let entry = self.entries.popFirst() {
            self.totalBytes -= entry.bytes
            if entry.envelope.sequence == sequence { break }
        }
        return true
    }

    /// Nobody listens to `topic` here any longer.
    mutating func forget(_ topic: Topic) {
        self.entries.removeAll { $0.topic == topic }
        self.totalBytes = self.entries.reduce(0) { $0 + $1.bytes }
    }

    /// A link is lost: whether they come back is unknown, so they are to be delivered now.
    mutating func takeAll() -> [Envelope] {
        defer {
            self.entries.removeAll()
            self.totalBytes = 0
        }
        return self.entries.map(\.envelope)
    }
}
