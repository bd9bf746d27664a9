import NIOCore
import VolaryProtocol

/// A queue of topics whose logs have to be read. It limits concurrent reads, because thousands of topics may need one after an
/// outage. Pure.
struct LogReadQueue {
    /// Maximum of concurrent reads: 32, of about 1 MiB each.
    static let maximumUnderWay = 32

    private var waiting = CircularBuffer<Topic>()
    /// Topics that are queued or being read.
    private var known: Set<Topic> = []
    private var underWay = 0

    /// Does nothing for a topic that is queued or being read.
    mutating func append(_ topic: Topic) {
        if self.known.insert(topic).inserted { self.waiting.append(topic) }
    }

    /// - Returns: the next topic to read; nil if there is none or the maximum of concurrent reads is reached.
    mutating func next() -> Topic? {
        guard self.underWay < Self.maximumUnderWay, let topic = self.waiting.popFirst() else { return nil }
        self.underWay += 1
        return topic
    }

    /// Call when the read of a topic has ended.
    mutating func ended(_ topic: Topic) {
        guard self.known.remove(topic) != nil else { return }
        self.underWay -= 1
    }

    /// Call when the link was lost.
    mutating func removeAll() {
        self = LogReadQueue()
    }
}
