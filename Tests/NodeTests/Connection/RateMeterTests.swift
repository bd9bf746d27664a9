import NIOCore
import Testing

@testable import VolaryNode

/// Messages and bytes per second.
@Suite
struct RateMeterTests {
    private static let start = NIODeadline.uptimeNanoseconds(0)

    private func meter(
        messages: Int? = nil,
        bytes: Int? = nil,
        _ overRate: ConnectionLimits.OverRate = .close
    ) throws -> RateMeter {
        var bounds = ConnectionLimits()
        bounds.messagesPerSecond = messages
        bounds.bytesPerSecond = bytes
        bounds.overRate = overRate
        return try #require(RateMeter(bounds, now: Self.start))
    }

    private func completed(_ meter: RateMeter, at now: NIODeadline) -> RateMeter.Verdict { meter.completed(now: now) }

    @Test func `Without a rate there is no meter`() {
        #expect(RateMeter(ConnectionLimits(), now: Self.start) == nil)
    }

    @Test func `As many messages as the rate pass, the next does not`() throws {
        let meter = try self.meter(messages: 3)
        let verdicts = (0..<4).map { _ in meter.completed(now: Self.start) }
        #expect(verdicts == [.pass, .pass, .pass, .close])
        #expect(self.completed(meter, at: Self.start + .milliseconds(334)) == .pass)
    }

    @Test func `As many bytes as the rate pass, one more does not`() throws {
        let meter = try self.meter(bytes: 2048)
        meter.read(1000)
        meter.read(1048)
        #expect(self.completed(meter, at: Self.start) == .pass)
        meter.read(1)
        #expect(self.completed(meter, at: Self.start) == .close)
    }

    @Test func `Bytes of fragments are paid for by their message`() throws {
        let meter = try self.meter(bytes: 2048)
        for _ in 0..<100 { meter.read(20) }
        #expect(self.completed(meter, at: Self.start) == .pass)
        meter.read(49)
        #expect(self.completed(meter, at: Self.start) == .close)
    }

    @Test func `Where messages are dropped, the first of each run of them is told apart`() throws {
        let meter = try self.meter(messages: 1, .drop)
        let verdicts = [0, 1, 2, 1000, 1001, 1002].map { meter.completed(now: Self.start + .milliseconds($0)) }
        #expect(
            verdicts == [.pass, .drop(first: true), .drop(first: false), .pass, .drop(first: true), .drop(first: false)]
        )
    }

    @Test func `Dropped messages do not use up the rate of those that pass`() throws {
        let meter = try self.meter(messages: 10, .drop)
        var passed = 0
        for step in 0..<10_000 where meter.completed(now: Self.start + .milliseconds(Int64(step))) == .pass { passed += 1 }
        #expect(passed == 10 + 99)
    }
}
