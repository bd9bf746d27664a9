import Protocol
import Testing

@testable import Backplane

struct HomewardMessagesTests {
    private let node = NodeID(rawValue: 7)

    private func envelope(_ sequence: UInt64) -> Envelope {
        Envelope(origin: self.node, sequence: sequence, message: .receipts([]))
    }

    private func back(_ homeward: inout HomewardMessages, _ sequence: UInt64, on topic: Topic = .all) -> [UInt64] {
        var envelopes: [Envelope] = []
        homeward.cameBack(sequence, on: topic, into: &envelopes)
        return envelopes.map(\.sequence)
    }

    @Test func `What comes back is delivered once and nothing before it is left behind`() {
        var homeward = HomewardMessages()
        for sequence in [3, 5, 6, 8] as [UInt64] { homeward.sent(self.envelope(sequence), on: .all, bytes: 10) }
        #expect(self.back(&homeward, 2) == [])
        #expect(self.back(&homeward, 4) == [])
        #expect(self.back(&homeward, 3) == [3])
        #expect(self.back(&homeward, 3) == [])
        #expect(self.back(&homeward, 9) == [])
        #expect(self.back(&homeward, 6) == [5, 6])
        #expect(homeward.count == 1)
        #expect(self.back(&homeward, 5) == [])
        #expect(self.back(&homeward, 8) == [8])
        #expect(homeward.count == 0 && homeward.totalBytes == 0 && homeward.oldest == nil)
    }

    @Test func `Each topic has an order of its own`() {
        var homeward = HomewardMessages()
        let own = Topic.node(self.node)
        for sequence in 1...6 as ClosedRange<UInt64> {
            homeward.sent(self.envelope(sequence), on: sequence.isMultiple(of: 2) ? own : .all, bytes: 10)
        }
        #expect(self.back(&homeward, 4, on: own) == [2, 4])
        #expect(self.back(&homeward, 4) == [])
        #expect(self.back(&homeward, 1) == [1])
        #expect(homeward.takeAll().map(\.sequence) == [3, 5, 6])
        #expect(homeward.count == 0)
    }

    @Test func `A lost link gives all in order and forgets them`() {
        var homeward = HomewardMessages()
        for sequence in 1...3 as ClosedRange<UInt64> { homeward.sent(self.envelope(sequence), on: .all, bytes: 10) }
        #expect(homeward.takeAll().map(\.sequence) == [1, 2, 3])
        #expect(self.back(&homeward, 2) == [])
    }

    @Test func `What is given up is not delivered`() {
        var homeward = HomewardMessages()
        for sequence in 1...3 as ClosedRange<UInt64> { homeward.sent(self.envelope(sequence), on: .all, bytes: 10) }
        homeward.forget(2, on: .all)
        homeward.forget(2, on: .all)
        homeward.forget(3, on: .node(self.node))
        #expect(homeward.count == 2)
        #expect(self.back(&homeward, 3) == [1, 3])
    }

    @Test func `An ended subscription forgets its messages`() {
        var homeward = HomewardMessages()
        homeward.sent(self.envelope(1), on: .all, bytes: 100)
        homeward.sent(self.envelope(2), on: .node(self.node), bytes: 100)
        #expect(homeward.totalBytes == 2 * (100 + Outbox<Void>.overheadBytes) && homeward.oldest == 1)
        homeward.forget(.all)
        #expect(homeward.totalBytes == 100 + Outbox<Void>.overheadBytes && homeward.oldest == 2)
        #expect(homeward.takeAll().map(\.sequence) == [2])
    }
}
