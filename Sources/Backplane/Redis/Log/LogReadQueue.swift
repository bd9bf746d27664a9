import NIOCore
import VolaryProtocol

/// Which topics' logs are to be read next, so that thousands of them do not fill the link and the memory at once. Pure.
struct LogReadQueue {
    /// Under way at a time: 32, of about 1 MiB each.
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
