import Protocol
import Testing

@testable import Backplane

struct HomewardMessagesTests {
    private let node = NodeID(rawValue: 7)

    private func envelope(_ sequence: UInt64) -> Envelope {
        Envelope(origin: self.node, sequence: sequence, message: .receipts([]))
    }

    @Test func whatComesBackIsDeliveredOnce() {
        var homeward = HomewardMessages()
        for sequence in [3, 5, 6] as [UInt64] { homeward.sent(self.envelope(sequence), on: .all, bytes: 10) }
        #expect(homeward.cameBack(2) == false)
        #expect(homeward.cameBack(4) == false)
        #expect(homeward.cameBack(3) == true)
        #expect(homeward.cameBack(3) == false)
        #expect(homeward.cameBack(9) == false)
        #expect(homeward.cameBack(6) == true)
        #expect(homeward.count == 0)
        #expect(homeward.cameBack(5) == false)
    }

    @Test func aLostLinkGivesAllInOrderAndForgetsThem() {
        var homeward = HomewardMessages()
        for sequence in 1...3 as ClosedRange<UInt64> { homeward.sent(self.envelope(sequence), on: .all, bytes: 10) }
        #expect(homeward.takeAll().map(\.sequence) == [1, 2, 3])
        #expect(homeward.cameBack(2) == false)
    }

    @Test func anEndedSubscriptionForgetsItsMessages() {
        var homeward = HomewardMessages(maximumBytes: 600)
        homeward.sent(self.envelope(1), on: .all, bytes: 100)
        homeward.sent(self.envelope(2), on: .node(self.node), bytes: 100)
        #expect(homeward.isOverfull)
        homeward.forget(.all)
        #expect(!homeward.isOverfull)
        #expect(homeward.takeAll().map(\.sequence) == [2])
    }
}
