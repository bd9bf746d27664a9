import NIOCore
import Testing

@testable import VolaryBackplane

/// What Redis has confirmed, for a fail-over.
@Suite
struct FailoverReplayBufferTests {
    private let start = NIODeadline.uptimeNanoseconds(0) + .hours(1)

    @Test
    func `It is kept for a minute, in order, and taken once`() {
        var messages = FailoverReplayBuffer<Int>()
        for number in 0..<100 { messages.append(number, bytes: 1, at: self.start + .seconds(Int64(number))) }
        #expect(messages.count == 61)
        #expect(messages.takeAll(at: self.start + .seconds(156)) == [96, 97, 98, 99])
        #expect(messages.takeAll(at: self.start + .seconds(156)) == [])
    }

    @Test
    func `While the link is down time stands still, for a minute: a master may be called dead half a minute after its end`() {
        var messages = FailoverReplayBuffer<Int>()
        for number in 0..<10 { messages.append(number, bytes: 1, at: self.start + .seconds(Int64(number))) }
        messages.linkLost(at: self.start + .seconds(66))
        messages.linkLost(at: self.start + .seconds(90))
        var late = messages
        #expect(messages.takeAll(at: self.start + .seconds(126)) == [6, 7, 8, 9])
        #expect(late.takeAll(at: self.start + .seconds(127)) == [])
    }

    @Test
    func `The same master again: it has them`() {
        var messages = FailoverReplayBuffer<Int>()
        messages.append(0, bytes: 1, at: self.start)
        messages.linkLost(at: self.start)
        messages.linked()
        messages.append(1, bytes: 1, at: self.start + .seconds(61))
        #expect(messages.takeAll(at: self.start + .seconds(61)) == [1])
    }

    @Test
    func `It takes 16 MiB and 10,000 messages at most, overhead counted; the oldest go`() {
        var messages = FailoverReplayBuffer<Int>()
        for number in 0..<5 { messages.append(number, bytes: 4 * 1024 * 1024 - Outbox<Int>.overheadBytes, at: self.start) }
        #expect(messages.takeAll(at: self.start) == [1, 2, 3, 4])
        for number in 0..<20_000 { messages.append(number, bytes: 0, at: self.start) }
        #expect(messages.count == 10_000)
        #expect(messages.takeAll(at: self.start).last == 19_999)
    }

    @Test
    func `Put back into the outbox, it goes before what waits, and counts`() {
        var outbox = Outbox<Int>()
        outbox.append(3, bytes: 1, at: self.start)
        outbox.putBack([(1, 1), (2, 1)], at: self.start)
        #expect(outbox.waiting == 3)
        var written: [Int] = []
        outbox.takeWaiting { written.append($0) }
        #expect(written == [1, 2, 3])
        #expect([outbox.answered(), outbox.answered(), outbox.answered(), outbox.answered()] == [1, 2, 3, nil])
        #expect(outbox.isEmpty)
    }
}
