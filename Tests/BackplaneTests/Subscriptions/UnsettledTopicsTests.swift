import Testing
import VolaryProtocol

@testable import VolaryBackplane

/// For which topics the health of a broker waits.
@Suite
struct UnsettledTopicsTests {
    private let own = NodeID(rawValue: 1)
    private let old = Topic.group("old")
    private let new = Topic.group("new")

    @Test
    func `For those that every node needs from the first time on; for others only once they have been live`() {
        var topics = UnsettledTopics(own: self.own)
        for topic in [.all, .node(self.own), .node(NodeID(rawValue: 2)), self.new] { topics.wanted(topic) }
        #expect(topics.required == [.all, .node(self.own)])
        #expect(topics.pending == [.node(NodeID(rawValue: 2)), self.new])
        let wasNew = topics.becameLive(self.new)
        let isNewNoLonger = topics.becameLive(self.new)
        #expect(wasNew && !isNewNoLonger)
        topics.interrupted(self.new)
        #expect(topics.required.contains(self.new) && !topics.pending.contains(self.new))
    }

    @Test
    func `A lost link: what was live has to be live again, what is new neither waits nor is waited for`() {
        var topics = UnsettledTopics(own: self.own)
        topics.wanted(self.old)
        _ = topics.becameLive(self.old)
        topics.wanted(self.new)
        for topic in [self.old, self.new] { topics.interrupted(topic) }
        #expect(topics.required == [self.old] && topics.pending == [self.new])
        let areLive = (topics.becameLive(self.new), topics.required, topics.becameLive(self.old))
        #expect(areLive == (true, [self.old], true))
        #expect(topics.isEmpty)
    }

    @Test
    func `What is wanted no longer is not waited for`() {
        var topics = UnsettledTopics(own: self.own)
        topics.interrupted(self.old)
        topics.wanted(self.new)
        topics.unwanted(self.old)
        topics.unwanted(self.new)
        #expect(topics.isEmpty)
    }

    @Test
    func `On a new link the topics of every node come first, then those that are waited for, then new ones`() {
        var topics = UnsettledTopics(own: self.own)
        topics.interrupted(self.old)
        topics.wanted(self.new)
        #expect(topics.inOrder([self.new, .node(self.own), self.old, .all]) == [.node(self.own), .all, self.old, self.new])
    }
}
