import Testing
import VolaryProtocol

@testable import VolaryBackplane

struct LostEpochsTests {
    /// A node with one hub.
    private final class Node {
        private var epochs = LostEpochs()

        /// - Parameter epoch: 0 for a hub without an order.
        func found(_ epoch: UInt64, lost: UInt64, wasLive: Bool) -> Bool {
            let position = epoch > 0 ? Position(epoch: epoch, number: 10) : nil
            return self.epochs.found(position, lost: lost, of: .default, wasLive: wasLive)
        }

        func linkWasLost(delivered: UInt64, observed: Position?) {
            self.epochs.linkWasLost(.default, delivered: delivered, observed: observed)
        }

        func forget() { self.epochs.forget(.default) }

        var heard: Position? { self.epochs.heard(in: .default) }
    }

    /// It has heard number 20 of epoch 1, and has no link.
    private static var interrupted: Node {
        let node = Node()
        #expect(!node.found(1, lost: 0, wasLive: true))
        node.linkWasLost(delivered: 20, observed: Position(epoch: 1, number: 12))
        return node
    }

    @Test func `What is lost of an epoch whose end a node may have missed concerns it, once, and whenever it is known`() {
        for isLate in [false, true] {
            let node = Self.interrupted
            #expect(!node.found(1, lost: 0, wasLive: false))
            if isLate { for _ in 0..<3 { #expect(!node.found(2, lost: 0, wasLive: true)) } }
            #expect(node.found(2, lost: 1, wasLive: false))
            for _ in 0..<3 { #expect(!node.found(2, lost: 1, wasLive: true)) }
            #expect(!node.found(3, lost: 2, wasLive: true), "it heard the second epoch to its end")
        }
    }

    @Test func `An epoch that was followed to its end, or that was over before, concerns nobody`() {
        let node = Node()
        #expect(!node.found(2, lost: 1, wasLive: true), "the first answer")
        #expect(!node.found(3, lost: 2, wasLive: true), "live")
        node.linkWasLost(delivered: 0, observed: nil)
        #expect(!node.found(3, lost: 2, wasLive: false))
        #expect(!node.found(3, lost: 2, wasLive: true), "the link was lost within one epoch")
        #expect(!node.found(4, lost: 3, wasLive: true))
    }

    @Test func `A loss in the second of two epochs that began while there was no link concerns the node`() {
        let node = Self.interrupted
        #expect(!node.found(3, lost: 0, wasLive: true))
        #expect(node.found(3, lost: 2, wasLive: true))
    }

    @Test func `Redis is told the highest position that was observed before the link was lost, until it has answered`() {
        let node = Self.interrupted
        #expect(node.heard == Position(epoch: 1, number: 20))
        node.linkWasLost(delivered: 3, observed: Position(epoch: 2, number: 99))
        #expect(node.heard == Position(epoch: 1, number: 20), "the link was lost again before")
        #expect(!node.found(0, lost: 0, wasLive: false))
        #expect(node.heard != nil, "no answer of an order")
        #expect(!node.found(2, lost: 0, wasLive: true))
        #expect(node.heard == nil)
        node.linkWasLost(delivered: 30, observed: Position(epoch: 2, number: 99))
        #expect(node.heard == Position(epoch: 2, number: 99))
    }

    @Test func `Of a hub so young that only answers to the node's own messages have told its order, what was heard counts, too`()
    {
        let node = Node()
        #expect(!node.found(0, lost: 0, wasLive: true))
        node.linkWasLost(delivered: 20, observed: Position(epoch: 1, number: 12))
        #expect(node.heard == Position(epoch: 1, number: 20))
    }

    @Test func `A number that is invented is no evidence`() {
        let node = Node()
        #expect(!node.found(1, lost: 0, wasLive: true))
        node.linkWasLost(delivered: 1 << 50, observed: Position(epoch: 1, number: 12))
        #expect(node.heard == Position(epoch: 1, number: 12))
    }

    @Test func `The first epoch of a hub may be lost, too`() {
        let node = Node()
        #expect(!node.found(0, lost: 0, wasLive: true))
        #expect(!node.found(0, lost: 0, wasLive: true))
        node.linkWasLost(delivered: 0, observed: nil)
        #expect(node.heard == nil)
        #expect(!node.found(0, lost: 0, wasLive: false))
        #expect(node.found(2, lost: 1, wasLive: false))
    }

    @Test func `What Redis has lost with all data of a hub is told otherwise`() {
        let node = Self.interrupted
        node.forget()
        #expect(!node.found(2, lost: 1, wasLive: false))
        #expect(node.heard == nil)
    }
}
