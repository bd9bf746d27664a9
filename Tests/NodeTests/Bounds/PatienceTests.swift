import NIOCore
import Testing

@testable import Node

/// How long a client may keep its node waiting.
@Suite
struct PatienceTests {
    private static let start = NIODeadline.uptimeNanoseconds(0)
    private static let limits = Patience.Limits(
        pingInterval: .hours(1),
        messageTimeout: .seconds(60),
        idleTimeout: .seconds(90),
        unsentAge: .seconds(30)
    )

    private let nanosecond = TimeAmount.nanoseconds(1)

    private func patience() -> Patience { Patience(now: Self.start, firstPing: .hours(1)) }

    private func look(
        _ patience: inout Patience,
        after time: TimeAmount,
        _ limits: Patience.Limits = Self.limits
    ) -> Patience.Verdict {
        patience.look(now: Self.start + time, limits: limits)
    }

    @Test func `A message may take its time, and no longer`() {
        var patience = self.patience()
        patience.messageIsIncomplete(now: Self.start + .seconds(1))
        patience.messageIsIncomplete(now: Self.start + .seconds(50))
        #expect(self.look(&patience, after: .seconds(61) - self.nanosecond) == .fine)
        #expect(self.look(&patience, after: .seconds(61)) == .over(.slowMessage))
    }

    @Test func `Each message has its own time`() {
        var patience = self.patience()
        for second in stride(from: 0, to: 600, by: 50) {
            patience.messageIsIncomplete(now: Self.start + .seconds(Int64(second)))
            patience.sawMessage()
            patience.messageIsOver()
            patience.messageIsIncomplete(now: Self.start + .seconds(Int64(second)))
            #expect(self.look(&patience, after: .seconds(Int64(second) + 49)) == .fine)
            patience.messageIsOver()
        }
    }

    @Test func `Unsent bytes may wait their time, and no longer`() {
        var patience = self.patience()
        patience.sawUnsentBytes(now: Self.start + .seconds(2))
        #expect(self.look(&patience, after: .seconds(32) - self.nanosecond) == .fine)
        #expect(self.look(&patience, after: .seconds(32)) == .over(.unsentAge))
        patience.unsentBytesLeft()
        #expect(self.look(&patience, after: .seconds(33)) == .fine)
    }

    @Test func `A client may be silent for its time, from one look that saw a message on`() {
        var patience = self.patience()
        #expect(self.look(&patience, after: .seconds(90) - self.nanosecond) == .fine)
        patience.sawMessage()
        #expect(self.look(&patience, after: .seconds(90)) == .fine)
        #expect(self.look(&patience, after: .seconds(180) - self.nanosecond) == .fine)
        #expect(self.look(&patience, after: .seconds(180)) == .over(.idle))
    }

    @Test func `Pings are no messages`() {
        var patience = self.patience()
        patience.sawTraffic()
        #expect(self.look(&patience, after: .seconds(90)) == .over(.idle))
    }

    @Test func `Without a limit a client may be silent for ever`() {
        var limits = Self.limits
        limits.idleTimeout = nil
        var patience = self.patience()
        for hour in 1...100 {
            #expect(self.look(&patience, after: .hours(Int64(hour)), limits) == .ping)
            patience.sawTraffic()
        }
    }

    @Test func `A client that shows no sign of life from one ping to the next is unresponsive`() {
        var patience = self.patience()
        patience.sawMessage()
        #expect(self.look(&patience, after: .hours(1)) == .ping)
        patience.sawMessage()
        #expect(self.look(&patience, after: .hours(2) - self.nanosecond) == .fine)
        patience.sawMessage()
        #expect(self.look(&patience, after: .hours(2)) == .over(.unresponsive))
    }

    @Test func `While the node does not read, a client is neither unresponsive nor idle nor slow`() {
        var patience = self.patience()
        patience.sawMessage()
        #expect(self.look(&patience, after: .hours(1)) == .ping)
        patience.messageIsIncomplete(now: Self.start + .hours(1))
        patience.stopsReading()
        for hour in 2...5 { #expect(self.look(&patience, after: .hours(Int64(hour))) == .ping) }
        let hadStopped = [patience.goesOnReading(), patience.goesOnReading()]
        #expect(hadStopped == [true, false])
        // All times begin anew.
        #expect(self.look(&patience, after: .hours(5)) == .fine)
        #expect(self.look(&patience, after: .hours(5) + .seconds(90) - self.nanosecond) == .fine)
        #expect(self.look(&patience, after: .hours(5) + .seconds(90)) == .over(.idle))
    }

    @Test func `Bytes that wait for the client have their time also while the node does not read`() {
        var patience = self.patience()
        patience.stopsReading()
        patience.sawUnsentBytes(now: Self.start)
        #expect(self.look(&patience, after: .seconds(30)) == .over(.unsentAge))
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
