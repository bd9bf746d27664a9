import NIOCore
import Testing
import VolaryProtocol

@testable import VolaryBackplane

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
        let few = self.outbox(3, limits: .init(messages: 3))
        #expect(!few.hasRoom(forBytes: 1, linked: false))
        #expect(!few.hasRoom(forBytes: 1, linked: true))
        let each = 10 + Outbox<Int>.overheadBytes
        let full = self.outbox(3, limits: .init(waitingBytes: 4 * each))
        #expect(full.hasRoom(forBytes: 10, linked: false))
        #expect(!full.hasRoom(forBytes: 11, linked: false))
        let flying = self.outbox(3, limits: .init(linkedBytes: 4 * each))
        #expect(flying.hasRoom(forBytes: 10, linked: true))
        #expect(!flying.hasRoom(forBytes: 11, linked: true))
    }

    @Test func `A client has a share of what waits`() {
        let (one, other) = (self.client(), self.client())
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

    private func client() -> MessageSender { .client(.random(on: NodeID(rawValue: 1))) }

    /// Appends messages of so many bytes in turn until none of the senders has room.
    private func fill(_ outbox: inout Outbox<Int>, by senders: [MessageSender], bytes: Int, linked: Bool) {
        var goOn = true
        while goOn {
            goOn = false
            for sender in senders where outbox.hasRoom(forBytes: bytes, of: sender, linked: linked) {
                outbox.append(0, bytes: bytes, of: sender, at: self.start)
                goOn = true
            }
        }
    }

    @Test(arguments: [true, false])
    func `However many clients send without end, there is room for one that does not`(linked: Bool) {
        for (count, bytes) in [(1, 1), (16, 1), (16, 1000), (16, 1_000_000), (300, 1), (300, 100_000)] {
            var outbox = Outbox<Int>(limits: .init(messages: .max))
            self.fill(&outbox, by: (0..<count).map { _ in self.client() }, bytes: bytes, linked: linked)
            #expect(outbox.waiting >= (bytes > 1000 ? 1 : count), "\(count) of \(bytes) bytes")
            #expect(outbox.hasRoom(forBytes: 10_000, of: self.client(), linked: linked), "\(count) of \(bytes) bytes")
        }
    }

    @Test func `REST callers together leave half of the room to clients`() {
        var outbox = Outbox<Int>(limits: .init(messages: .max))
        self.fill(&outbox, by: [.callers], bytes: 1000, linked: false)
        #expect((8_000_000...8_500_000).contains(outbox.waitingBytes))
        #expect(outbox.hasRoom(forBytes: 1_000_000, of: self.client(), linked: false))
    }

    @Test func `What is written has a window of messages and of bytes, and goes on when half of it is answered`() {
        var few = self.outbox(10, limits: .init(windowMessages: 4))
        few.takeWaiting { _ in }
        #expect((few.unanswered, few.waiting, few.isDue) == (4, 6, false))
        _ = few.answered()
        #expect(!few.isDue)
        _ = few.answered()
        #expect(few.isDue)
        var written: [Int] = []
        few.takeWaiting { written.append($0) }
        #expect(written == [4, 5] && few.unanswered == 4)

        let each = 10 + Outbox<Int>.overheadBytes
        var small = self.outbox(4, limits: .init(windowBytes: 2 * each))
        small.append(4, bytes: 1000, at: self.start)
        small.takeWaiting { _ in }
        #expect((small.unanswered, small.isDue, small.waitingBytes) == (2, false, 2 * each + 1000 + Outbox<Int>.overheadBytes))
        small.linkLost { _ in }
        small.takeWaiting { _ in }
        #expect(small.unanswered == 2)
        small.refused()
        small.refused()
        #expect(small.unanswered == 0 && small.isDue)
        for _ in 0..<2 {
            small.takeWaiting { _ in }
            while small.answered() != nil {}
        }
        small.takeWaiting { _ in }
        #expect((small.unanswered, small.waiting) == (1, 0), "one of any size goes alone")
    }

    @Test func `An empty outbox takes any message`() {
        let limits = Outbox<Int>.Limits(waitingBytes: 10, linkedBytes: 10)
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
        var outbox = self.outbox(2, limits: .init(messages: 2))
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
