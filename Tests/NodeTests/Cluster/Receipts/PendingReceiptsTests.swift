import Testing
import VolaryBackplane
import VolaryProtocol

@testable import VolaryNode

/// When the wait for receipts is over.
@Suite
struct PendingReceiptsTests {
    private static let nodes = (1...4).map { NodeID(rawValue: $0) }
    private var nodes: [NodeID] { Self.nodes }

    private enum Seen: Equatable {
        case wait
        case waitForGrace
        case finish(PublishOutcome, [NodeID: UInt32])
        case fail(BrokerError)

        init(_ action: PendingReceipts.Action) {
            switch action {
            case .wait: self = .wait
            case .waitForGrace: self = .waitForGrace
            case .finish(.success(let answer)): self = .finish(answer.outcome, answer.receipts)
            case .finish(.failure(let error)): self = .fail(error)
            }
        }
    }

    @Test func `It is over when as many nodes have answered as the broker reached`() {
        var pending = PendingReceipts(expected: Set(self.nodes[..<2]))
        #expect(Seen(pending.published(.success(.relayed(receivers: 2)))) == .wait)
        #expect(Seen(pending.received(3, from: self.nodes[0])) == .wait)
        #expect(
            Seen(pending.received(4, from: self.nodes[1]))
                == .finish(.relayed(receivers: 2), [self.nodes[0]: 3, self.nodes[1]: 4])
        )
    }

    @Test func `Receipts may come before the broker says whom it reached`() {
        var pending = PendingReceipts(expected: Set(self.nodes[..<2]))
        #expect(Seen(pending.received(3, from: self.nodes[0])) == .wait)
        #expect(Seen(pending.received(0, from: self.nodes[1])) == .wait)
        #expect(
            Seen(pending.published(.success(.relayed(receivers: 2))))
                == .finish(.relayed(receivers: 2), [self.nodes[0]: 3, self.nodes[1]: 0])
        )
    }

    @Test func `A node that answers twice counts once`() {
        var pending = PendingReceipts(expected: Set(self.nodes[..<2]))
        _ = pending.published(.success(.relayed(receivers: 2)))
        #expect(Seen(pending.received(1, from: self.nodes[0])) == .wait)
        #expect(Seen(pending.received(1, from: self.nodes[0])) == .wait)
    }

    @Test func `A node with sessions answers for them and for its other connections`() {
        var pending = PendingReceipts(expected: nil)
        _ = pending.published(.success(.relayed(receivers: 3)))
        for _ in 0..<2 { #expect(Seen(pending.received(Receipt.ofSessions + 2, from: self.nodes[0])) == .wait) }
        #expect(Seen(pending.received(Receipt.ofSessions, from: self.nodes[1])) == .wait)
        #expect(
            Seen(pending.received(1, from: self.nodes[0]))
                == .finish(.relayed(receivers: 3), [self.nodes[0]: 3, self.nodes[1]: 0])
        )
    }

    @Test func `What reached nobody is over at once`() {
        var pending = PendingReceipts(expected: Set(self.nodes))
        #expect(Seen(pending.published(.success(.relayed(receivers: 0)))) == .finish(.relayed(receivers: 0), [:]))
    }

    @Test func `Live nodes that the broker did not reach are not waited for`() {
        var pending = PendingReceipts(expected: Set(self.nodes))
        _ = pending.published(.success(.relayed(receivers: 1)))
        #expect(Seen(pending.received(5, from: self.nodes[2])) == .finish(.relayed(receivers: 1), [self.nodes[2]: 5]))
    }

    @Test func `When all live nodes have answered, others that the broker reached get a little longer, once`() {
        var pending = PendingReceipts(expected: [self.nodes[0]])
        #expect(Seen(pending.published(.success(.relayed(receivers: 3)))) == .wait)
        #expect(Seen(pending.received(1, from: self.nodes[0])) == .waitForGrace)
        #expect(Seen(pending.received(2, from: self.nodes[1])) == .wait)
        #expect(
            Seen(pending.refreshed(expected: [self.nodes[0]]))
                == .finish(.relayed(receivers: 3), [self.nodes[0]: 1, self.nodes[1]: 2])
        )
    }

    @Test func `A node that is found after the grace is waited for, and with it the wait is over`() {
        var pending = PendingReceipts(expected: [self.nodes[0]])
        _ = pending.published(.success(.relayed(receivers: 3)))
        #expect(Seen(pending.received(1, from: self.nodes[0])) == .waitForGrace)
        #expect(Seen(pending.refreshed(expected: Set(self.nodes[..<2]))) == .wait)
        #expect(
            Seen(pending.received(2, from: self.nodes[1]))
                == .finish(.relayed(receivers: 3), [self.nodes[0]: 1, self.nodes[1]: 2])
        )
    }

    @Test func `The last of the unknown nodes ends the grace`() {
        var pending = PendingReceipts(expected: [self.nodes[0]])
        _ = pending.published(.success(.relayed(receivers: 2)))
        #expect(Seen(pending.received(1, from: self.nodes[0])) == .waitForGrace)
        #expect(
            Seen(pending.received(0, from: self.nodes[1]))
                == .finish(.relayed(receivers: 2), [self.nodes[0]: 1, self.nodes[1]: 0])
        )
    }

    @Test func `The grace may begin with the broker's answer`() {
        var pending = PendingReceipts(expected: [self.nodes[0]])
        #expect(Seen(pending.received(1, from: self.nodes[0])) == .wait)
        #expect(Seen(pending.published(.success(.relayed(receivers: 2)))) == .waitForGrace)
    }

    @Test func `Degraded, this node's own receipt is all there is to wait for`() {
        var pending = PendingReceipts(expected: Set(self.nodes))
        #expect(Seen(pending.published(.success(.degraded(here: true)))) == .wait)
        #expect(Seen(pending.received(7, from: self.nodes[0])) == .finish(.degraded(here: true), [self.nodes[0]: 7]))
    }

    @Test func `Degraded, and not wanted on this node, there is nothing to wait for`() {
        var pending = PendingReceipts(expected: nil)
        #expect(Seen(pending.published(.success(.degraded(here: false)))) == .finish(.degraded(here: false), [:]))
    }

    @Test(arguments: [BrokerError.outboxFull, .tooLarge, .idleHistoryFull, .refused, .closed, .cancelled])
    func `What the broker does not take is over at once`(error: BrokerError) {
        var pending = PendingReceipts(expected: Set(self.nodes))
        #expect(Seen(pending.published(.failure(error))) == .fail(error))
    }

    @Test func `When time is up, the answer has what came`() {
        var pending = PendingReceipts(expected: Set(self.nodes))
        _ = pending.published(.success(.relayed(receivers: 4)))
        _ = pending.received(9, from: self.nodes[3])
        #expect(Seen(pending.timedOut()) == .finish(.relayed(receivers: 4), [self.nodes[3]: 9]))
    }

    @Test func `When time is up before the broker has said anything, the answer is degraded`() {
        var pending = PendingReceipts(expected: Set(self.nodes))
        #expect(Seen(pending.timedOut()) == .finish(.degraded(here: true), [:]))
    }
}
