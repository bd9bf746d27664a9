import VolaryProtocol

/// This node's messages that it published before it wanted their topic, and that Redis had not answered when it subscribed. Pure.
///
/// The two links have no common order: Redis may carry out SSUBSCRIBE first. Then it counts this node among the receivers, and the
/// message comes back, although ``LoopbackBuffer`` does not expect it.
struct EarlyMessages {
    /// Maximum of bytes: 4 MiB, as much as may be written and unanswered. Further messages are not kept.
    static let maximumBytes = 4 * 1024 * 1024

    private struct Entry {
        let envelope: Envelope
        let bytes: Int
        /// How many calls of ``age(below:)`` it has been answered for.
        var age = 0
    }

    private var topics: [Topic: [Entry]] = [:]
    private var totalBytes = 0

    mutating func append(_ envelope: Envelope, on topic: Topic, bytes: Int) {
        let cost = bytes + Outbox<Void>.overheadBytes
        guard self.totalBytes + cost <= Self.maximumBytes else { return }
        self.topics[topic, default: []].append(Entry(envelope: envelope, bytes: cost))
        self.totalBytes += cost
    }

    /// Call when a message of this node has come back.
    /// - Returns: the message, if this node's receiver has not had it.
    mutating func take(_ sequence: UInt64, on topic: Topic) -> Envelope? {
        guard !self.topics.isEmpty, let found = self.topics[topic]?.first(where: { $0.envelope.sequence == sequence }) else {
            return nil
        }
        self.remove(on: topic) { $0.envelope.sequence <= sequence }
        return found.envelope
    }

    /// Call once per second. A message that has not come back a second after its answer was not sent to this node.
    /// - Parameter firstUnconfirmed: the sequence of the oldest message that Redis has not answered.
    mutating func age(below firstUnconfirmed: UInt64) {
        for topic in Array(self.topics.keys) {
            self.remove(on: topic) { $0.age > 0 }
            for index in self.topics[topic]?.indices ?? 0..<0 {
                guard let entry = self.topics[topic]?[index], entry.envelope.sequence < firstUnconfirmed else { break }
                self.topics[topic]?[index].age += 1
            }
        }
    }

    /// Call when this node is not subscribed to the topic any more.
    mutating func forget(_ topic: Topic) { self.remove(on: topic) { _ in true } }

    /// Call when a link was lost.
    mutating func removeAll() { self = Self() }

    private mutating func remove(on topic: Topic, where isGone: (Entry) -> Bool) {
        guard let entries = self.topics[topic] else { return }
        let rest = entries.filter { !isGone($0) }
        self.totalBytes -= entries.reduce(0) { $0 + $1.bytes } - rest.reduce(0) { $0 + $1.bytes }
        self.topics[topic] = rest.isEmpty ? nil : rest
    }
}
