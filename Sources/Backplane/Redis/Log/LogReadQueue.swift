import NIOCore
import VolaryProtocol

/// The topics whose logs are to be read, in order, with a bound on concurrent reads: thousands of topics may need one after an outage. Pure.
struct LogReadQueue {
    /// Concurrent reads: 32, of about 1 MiB each.
    static let maximumUnderWay = 32

    private var waiting = CircularBuffer<Topic>()
    /// Waiting or under way.
    private var known: Set<Topic> = []
    private var underWay = 0

    /// Does nothing for a topic that is in already.
    mutating func append(_ topic: Topic) {
        if self.known.insert(topic).inserted { self.waiting.append(topic) }
    }

    /// - Returns: a topic that is under way from now on, if there is one and room for it.
    mutating func next() -> Topic? {
        guard self.underWay < Self.maximumUnderWay, let topic = self.waiting.popFirst() else { return nil }
        self.underWay += 1
        return topic
    }

    /// A topic that was under way is no longer.
    mutating func ended(_ topic: Topic) {
        guard self.known.remove(topic) != nil else { return }
        self.underWay -= 1
    }

    /// The link is lost.
    mutating func removeAll() {
        self = LogReadQueue()
    }
}
