import NIOCore
import Testing

@testable import VolaryNode

/// The timeouts of a client.
@Suite
struct ConnectionTimeoutsTests {
    private static let start = NIODeadline.uptimeNanoseconds(0)
    private static let limits = ConnectionTimeouts.Limits(
        pingInterval: .hours(1),
        messageTimeout: .seconds(60),
        idleTimeout: .seconds(90),
        unsentAge: .seconds(30)
    )

    private let nanosecond = TimeAmount.nanoseconds(1)

    private func timeouts() -> ConnectionTimeouts { ConnectionTimeouts(now: Self.start, firstPing: .hours(1)) }

    private func check(
        _ timeouts: inout ConnectionTimeouts,
        after time: TimeAmount,
        _ limits: ConnectionTimeouts.Limits = Self.limits
    ) -> ConnectionTimeouts.Verdict {
        timeouts.check(now: Self.start + time, limits: limits)
    }

    @Test func `A message may take its time, and no longer`() {
        var timeouts = self.timeouts()
        timeouts.messageIsIncomplete(now: Self.start + .seconds(1))
        timeouts.messageIsIncomplete(now: Self.start + .seconds(50))
        #expect(self.check(&timeouts, after: .seconds(61) - self.nanosecond) == .none)
        #expect(self.check(&timeouts, after: .seconds(61)) == .exceeded(.slowMessage))
    }

    @Test func `Each message has its own time`() {
        var timeouts = self.timeouts()
        for second in stride(from: 0, to: 600, by: 50) {
            timeouts.messageIsIncomplete(now: Self.start + .seconds(Int64(second)))
            timeouts.sawMessage()
            timeouts.messageIsOver()
            timeouts.messageIsIncomplete(now: Self.start + .seconds(Int64(second)))
            #expect(self.check(&timeouts, after: .seconds(Int64(second) + 49)) == .none)
            timeouts.messageIsOver()
        }
    }

    @Test func `Unsent bytes may wait their time, and no longer`() {
        var timeouts = self.timeouts()
        timeouts.sawUnsentBytes(now: Self.start + .seconds(2))
        #expect(self.check(&timeouts, after: .seconds(32) - self.nanosecond) == .none)
        #expect(self.check(&timeouts, after: .seconds(32)) == .exceeded(.unsentAge))
        timeouts.unsentBytesLeft()
        #expect(self.check(&timeouts, after: .seconds(33)) == .none)
    }

    @Test func `A client may be silent for its time, from one look that saw a message on`() {
        var timeouts = self.timeouts()
        #expect(self.check(&timeouts, after: .seconds(90) - self.nanosecond) == .none)
        timeouts.sawMessage()
        #expect(self.check(&timeouts, after: .seconds(90)) == .none)
        #expect(self.check(&timeouts, after: .seconds(180) - self.nanosecond) == .none)
        #expect(self.check(&timeouts, after: .seconds(180)) == .exceeded(.idle))
    }

    @Test func `Pings are no messages`() {
        var timeouts = self.timeouts()
        timeouts.sawTraffic()
        #expect(self.check(&timeouts, after: .seconds(90)) == .exceeded(.idle))
    }

    @Test func `Without a limit a client may be silent for ever`() {
        var limits = Self.limits
        limits.idleTimeout = nil
        var timeouts = self.timeouts()
        for hour in 1...100 {
            #expect(self.check(&timeouts, after: .hours(Int64(hour)), limits) == .ping)
            timeouts.sawTraffic()
        }
    }

    @Test func `A client that shows no sign of life from one ping to the next is unresponsive`() {
        var timeouts = self.timeouts()
        timeouts.sawMessage()
        #expect(self.check(&timeouts, after: .hours(1)) == .ping)
        timeouts.sawMessage()
        #expect(self.check(&timeouts, after: .hours(2) - self.nanosecond) == .none)
        timeouts.sawMessage()
        #expect(self.check(&timeouts, after: .hours(2)) == .exceeded(.unresponsive))
    }

    @Test func `While the node does not read, a client is neither unresponsive nor idle nor slow`() {
        var timeouts = self.timeouts()
        timeouts.sawMessage()
        #expect(self.check(&timeouts, after: .hours(1)) == .ping)
        timeouts.messageIsIncomplete(now: Self.start + .hours(1))
        timeouts.stopsReading()
        for hour in 2...5 { #expect(self.check(&timeouts, after: .hours(Int64(hour))) == .ping) }
        let hadStopped = [timeouts.goesOnReading(), timeouts.goesOnReading()]
        #expect(hadStopped == [true, false])
        // All timeouts start again.
        #expect(self.check(&timeouts, after: .hours(5)) == .none)
        #expect(self.check(&timeouts, after: .hours(5) + .seconds(90) - self.nanosecond) == .none)
        #expect(self.check(&timeouts, after: .hours(5) + .seconds(90)) == .exceeded(.idle))
    }

    @Test func `Bytes that wait for the client have their time also while the node does not read`() {
        var timeouts = self.timeouts()
        timeouts.stopsReading()
        timeouts.sawUnsentBytes(now: Self.start)
        #expect(self.check(&timeouts, after: .seconds(30)) == .exceeded(.unsentAge))
    }

    @Test func `It is looked at four times in the shortest of the times`() {
        #expect(Self.limits.shortest == .seconds(30))
        var limits = Self.limits
        limits.idleTimeout = .seconds(1)
        #expect(limits.shortest == .seconds(1))
        limits.idleTimeout = nil
        limits.unsentAge = .hours(2)
        limits.messageTimeout = .hours(2)
        #expect(limits.shortest == .hours(1))
    }
}
