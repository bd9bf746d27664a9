import Testing
import VolaryProtocol

@testable import VolaryBackplane

struct LoopbackBufferTests {
    private let node = NodeID(rawValue: 7)

    private func envelope(_ sequence: UInt64) -> Envelope {
        Envelope(origin: self.node, sequence: sequence, message: .receipts([]))
    }

    private func back(_ loopback: inout LoopbackBuffer, _ sequence: UInt64, on topic: Topic = .all) -> [UInt64] {
        var envelopes: [Envelope] = []
        loopback.received(sequence, on: topic, into: &envelopes)
        return envelopes.map(\.sequence)
    }

    @Test func `What comes back is delivered once and nothing before it is left behind`() {
        var loopback = LoopbackBuffer()
        for sequence in [3, 5, 6, 8] as [UInt64] { loopback.sent(self.envelope(sequence), on: .all, bytes: 10) }
        #expect(self.back(&loopback, 2) == [])
        #expect(self.back(&loopback, 4) == [])
        #expect(self.back(&loopback, 3) == [3])
        #expect(self.back(&loopback, 3) == [])
        #expect(self.back(&loopback, 9) == [])
        #expect(self.back(&loopback, 6) == [5, 6])
        #expect(loopback.count == 1)
        #expect(self.back(&loopback, 5) == [])
        #expect(self.back(&loopback, 8) == [8])
        #expect(loopback.count == 0 && loopback.totalBytes == 0 && loopback.oldest == nil)
    }

    @Test func `Each topic has an order of its own`() {
        var loopback = LoopbackBuffer()
        let own = Topic.node(self.node)
        for sequence in 1...6 as ClosedRange<UInt64> {
            loopback.sent(self.envelope(sequence), on: sequence.isMultiple(of: 2) ? own : .all, bytes: 10)
        }
        #expect(self.back(&loopback, 4, on: own) == [2, 4])
        #expect(self.back(&loopback, 4) == [])
        #expect(self.back(&loopback, 1) == [1])
        #expect(loopback.takeAll().map(\.sequence) == [3, 5, 6])
        #expect(loopback.count == 0)
    }

    @Test func `A lost link gives all in order and forgets them`() {
        var loopback = LoopbackBuffer()
        for sequence in 1...3 as ClosedRange<UInt64> { loopback.sent(self.envelope(sequence), on: .all, bytes: 10) }
        #expect(loopback.takeAll().map(\.sequence) == [1, 2, 3])
        #expect(self.back(&loopback, 2) == [])
    }

    @Test func `What is given up is not delivered`() {
        var loopback = LoopbackBuffer()
        for sequence in 1...3 as ClosedRange<UInt64> { loopback.sent(self.envelope(sequence), on: .all, bytes: 10) }
        loopback.forget(2, on: .all)
        loopback.forget(2, on: .all)
        loopback.forget(3, on: .node(self.node))
        #expect(loopback.count == 2)
        #expect(self.back(&loopback, 3) == [1, 3])
    }

    @Test func `An ended subscription forgets its messages`() {
        var loopback = LoopbackBuffer()
        loopback.sent(self.envelope(1), on: .all, bytes: 100)
        loopback.sent(self.envelope(2), on: .node(self.node), bytes: 100)
        #expect(loopback.totalBytes == 2 * (100 + Outbox<Void>.overheadBytes) && loopback.oldest == 1)
        loopback.forget(.all)
        #expect(loopback.totalBytes == 100 + Outbox<Void>.overheadBytes && loopback.oldest == 2)
        #expect(loopback.takeAll().map(\.sequence) == [2])
    }
}
