import NIOCore
import Protocol
import Testing

@testable import Backplane

struct OutboxTests {
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000)

    private func outbox(_ count: Int, limits: Outbox<Int>.Limits = .init()) -> Outbox<Int> {
        var outbox = Outbox<Int>(limits: limits)
        for number in 0..<count { outbox.append(number, bytes: 10, at: self.start) }
        return outbox
    }

    @Test func `What is lost in flight comes back in front`() {
        var outbox = self.outbox(3)
        var written: [Int] = []
        outbox.takeWaiting { written.append($0) }
        #expect((written, outbox.waiting, outbox.unanswered) == ([0, 1, 2], 0, 3))
        #expect(outbox.answered() == 0)
        outbox.append(3, bytes: 10, at: self.start)
        var returned: [Int] = []
        outbox.linkLost { returned.append($0) }
        #expect((returned, outbox.waiting, outbox.unanswered) == ([1, 2], 3, 0))
        outbox.append(4, bytes: 10, at: self.start)
        written = []
        outbox.takeWaiting { written.append($0) }
        #expect(written == [1, 2, 3, 4])
    }

    @Test func `An answer that nothing waits for is none`() {
        var outbox = self.outbox(1)
        #expect(outbox.answered() == nil)
        outbox.takeWaiting { _ in }
        #expect(outbox.answered() == 0)
        #expect(outbox.answered() == nil)
        #expect(outbox.isEmpty)
    }

    @Test func `Waiting is bounded by messages and bytes`() {
        let few = self.outbox(3, limits: .init(waitingMessages: 3))
        #expect(!few.hasRoom(forBytes: 1, linked: false))
        #expect(few.hasRoom(forBytes: 1, linked: true))
        let each = 10 + Outbox<Int>.overheadBytes
        let full = self.outbox(3, limits: .init(waitingBytes: 4 * each))
        #expect(full.hasRoom(forBytes: 10, linked: false))
        #expect(!full.hasRoom(forBytes: 11, linked: false))
        let flying = self.outbox(3, limits: .init(unansweredBytes: 4 * each))
        #expect(flying.hasRoom(forBytes: 10, linked: true))
        #expect(!flying.hasRoom(forBytes: 11, linked: true))
    }

    @Test func `A client has a share of what waits`() {
        let (one, other) = (ConnectionID.random(on: NodeID(rawValue: 1)), ConnectionID.random(on: NodeID(rawValue: 1)))
        let each = 10 + Outbox<Int>.overheadBytes
        var outbox = Outbox<Int>(limits: .init(clientBytes: 2 * each))
        for number in 0..<2 {
            #expect(outbox.hasRoom(forBytes: 10, of: one, linked: false))
            outbox.append(number, bytes: 10, of: one, at: self.start)
        }
        #expect(!outbox.hasRoom(forBytes: 0, of: one, linked: false))
        #expect(outbox.hasRoom(forBytes: 0, of: one, linked: true))
        #expect(outbox.hasRoom(forBytes: 10, linked: false))
        #expect(outbox.hasRoom(forBytes: 3 * each, of: other, linked: false), "one of any size may wait alone")
        outbox.takeWaiting { _ in }
        _ = outbox.answered()
        outbox.linkLost { _ in }
        #expect(outbox.hasRoom(forBytes: 10, of: one, linked: false))
        outbox.append(2, bytes: 10, of: one, at: self.start + .seconds(1))
        #expect(!outbox.hasRoom(forBytes: 10, of: one, linked: false))
        #expect(outbox.expire(at: self.start + .seconds(30)) == 1)
        #expect(outbox.hasRoom(forBytes: 10, of: one, linked: false))
    }

    @Test func `An empty outbox takes any message`() {
        let limits = Outbox<Int>.Limits(waitingBytes: 10, unansweredBytes: 10)
        #expect(self.outbox(0, limits: limits).hasRoom(forBytes: 100, linked: false))
        #expect(!self.outbox(1, limits: limits).hasRoom(forBytes: 0, linked: true))
    }

    @Test func `What may not go keeps what is behind it back`() {
        var outbox = self.outbox(4)
        var written: [Int] = []
        let mayGo = { (number: Int, unanswered: Int) in number < 2 || number == 2 && unanswered == 0 }
        outbox.takeWaiting(while: mayGo) { written.append($0) }
        #expect(written == [0, 1] && outbox.unanswered == 2 && outbox.waiting == 2)
        #expect(outbox.firstUnanswered { $0 > 0 } == 1 && outbox.firstUnanswered { $0 > 1 } == nil)
        _ = outbox.answered()
        _ = outbox.answered()
        #expect(outbox.first == 2)
        outbox.takeWaiting(while: mayGo) { written.append($0) }
        #expect(written == [0, 1, 2] && outbox.unanswered == 1)
        outbox.linkLost { _ in }
        #expect(outbox.removeWaiting { $0 == 2 } == [2])
        outbox.takeWaiting { written.append($0) }
        #expect(written == [0, 1, 2, 3])
        #expect(outbox.answered() == 3 && outbox.isEmpty)
    }

    @Test func `Room comes back with answers`() {
        var outbox = self.outbox(2, limits: .init(waitingMessages: 2))
        outbox.takeWaiting { _ in }
        _ = outbox.answered()
        #expect(outbox.hasRoom(forBytes: 1, linked: false))
    }

    @Test func `Only what waits too long expires`() {
        var outbox = self.outbox(2, limits: .init(age: .seconds(30)))
        outbox.append(2, bytes: 1, at: self.start + .seconds(10))
        #expect(outbox.expire(at: self.start + .seconds(29)) == 0)
        var inFlight = outbox
        inFlight.takeWaiting { _ in }
        #expect(inFlight.expire(at: self.start + .seconds(100)) == 0)
        #expect(outbox.expire(at: self.start + .seconds(30)) == 2)
        #expect(outbox.waiting == 1)
    }
}
