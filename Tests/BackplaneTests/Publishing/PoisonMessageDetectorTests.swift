import NIOCore
import Testing

@testable import VolaryBackplane

/// Which message costs the connection.
@Suite
struct PoisonMessageDetectorTests {
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000)
    private let large = (sequence: UInt64(7), bytes: 1_048_700)
    private var machine = PoisonMessageDetector()

    private mutating func closed(
        _ message: (sequence: UInt64, bytes: Int)?,
        isAlone: Bool,
        after time: TimeAmount = .zero
    )
        -> PoisonMessageDetector.Verdict
    {
        self.machine.connectionEnded(isByPeer: true, message: message, isAlone: isAlone, at: self.start + time)
    }

    @Test
    mutating func `One that is alone, and whose connection is closed twice in a row, after once with others`() {
        #expect(self.closed(self.large, isAlone: false) == .wait)
        #expect(self.machine.candidate == 7)
        self.machine.linked(to: nil)
        self.machine.answered(6)
        #expect(self.closed(self.large, isAlone: true, after: .milliseconds(100)) == .wait)
        #expect(!self.machine.refuses(bytes: self.large.bytes, at: self.start))
        #expect(self.closed(self.large, isAlone: true, after: .milliseconds(200)) == .reject)
        #expect(self.machine.candidate == nil)
        #expect(self.machine.isDeciding(at: self.start + .milliseconds(900)))
        #expect(!self.machine.isDeciding(at: self.start + .seconds(1)))
        #expect(self.machine.refuses(bytes: self.large.bytes, at: self.start + .seconds(299)))
        #expect(!self.machine.refuses(bytes: self.large.bytes - 1, at: self.start + .seconds(299)))
        #expect(!self.machine.refuses(bytes: self.large.bytes, at: self.start + .seconds(301)))
    }

    @Test
    mutating func `None where nothing large is unanswered, or this side has ended the connection`() {
        #expect(self.closed(nil, isAlone: false) == .linkIsDown)
        let ended = self.machine.connectionEnded(isByPeer: false, message: self.large, isAlone: true, at: self.start)
        #expect(ended == .linkIsDown && self.machine.candidate == nil)
    }

    @Test
    mutating func `A Redis that is down or loads in between acquits it, as often as it likes`() {
        for round in 0..<10 {
            let now = TimeAmount.seconds(Int64(round))
            // Before anything has been answered, nobody waits a second time.
            #expect(self.closed(self.large, isAlone: true, after: now) == (round == 0 ? .wait : .linkIsDown))
            self.machine.connectionFailed()
            #expect(!self.machine.isDeciding(at: self.start + now))
            self.machine.linked(to: nil)
        }
        #expect(self.machine.candidate == 7)
        self.machine.answered(7)
        #expect(self.machine.candidate == nil)
        #expect(self.closed(self.large, isAlone: false, after: .seconds(20)) == .wait)
    }

    @Test
    mutating func `Another server may take what the one before did not`() {
        let (one, other) = (RedisAddress(host: "one", port: 1), RedisAddress(host: "other", port: 1))
        self.machine.linked(to: one)
        #expect(self.closed(self.large, isAlone: false) == .wait)
        self.machine.linked(to: one)
        #expect(self.closed(self.large, isAlone: true) == .wait)
        self.machine.linked(to: other)
        #expect(self.closed(self.large, isAlone: true) == .wait)
        self.machine.linked(to: other)
        #expect(self.closed(self.large, isAlone: true) == .reject)
        self.machine.linked(to: other)
        #expect(self.machine.refuses(bytes: self.large.bytes, at: self.start))
        self.machine.linked(to: one)
        #expect(!self.machine.refuses(bytes: self.large.bytes, at: self.start))
    }

    @Test
    mutating func `One that Redis has refused in words, with the connection that it closes then`() {
        self.machine.sizeWasRefused(bytes: self.large.bytes, at: self.start)
        #expect(self.machine.refuses(bytes: self.large.bytes, at: self.start))
        #expect(self.closed(nil, isAlone: false, after: .milliseconds(1)) == .wait)
        self.machine.linked(to: nil)
        self.machine.answered(8)
        #expect(self.closed(nil, isAlone: false, after: .milliseconds(2)) == .linkIsDown)
    }

    @Test
    mutating func `A decision that takes too long is none: the link is down, and the message still alone when it is back`() {
        #expect(self.closed(self.large, isAlone: true) == .wait)
        _ = self.machine.endDecision()
        self.machine.linked(to: nil)
        #expect(self.closed(self.large, isAlone: true, after: .seconds(2)) == .linkIsDown)
        #expect(self.closed(self.large, isAlone: true, after: .seconds(3)) == .reject)
    }
}
