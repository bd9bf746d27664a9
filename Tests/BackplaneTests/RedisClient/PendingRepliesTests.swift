import NIOCore
import Testing

@testable import VolaryBackplane

struct PendingRepliesTests {
    private static func time(_ seconds: Int64) -> NIODeadline { .uptimeNanoseconds(0) + .seconds(seconds) }

    @Test func `Each answer restarts the timeout of the next command`() {
        var pending = PendingReplies(timeout: .seconds(2))
        #expect(pending.isEmpty && pending.deadline == nil)
        pending.append({ _ in }, at: Self.time(10))
        pending.append({ _ in }, at: Self.time(11))
        #expect(pending.deadline == Self.time(12))
        guard case .command(_, let time) = pending.answered(at: Self.time(12)) else {
            Issue.record("no command was answered")
            return
        }
        #expect(time == .seconds(2))
        #expect(pending.deadline == Self.time(14))
        pending.progressed(at: Self.time(13))
        #expect(pending.deadline == Self.time(15))
        _ = pending.answered(at: Self.time(15))
        #expect(pending.isEmpty && pending.deadline == nil)
    }

    @Test func `A subscription is pending until each channel is acknowledged`() {
        var pending = PendingReplies(timeout: .seconds(2))
        let isEarlyAccepted = pending.acknowledged()
        #expect(!isEarlyAccepted)
        pending.appendSubscription(channels: 2, at: Self.time(1))
        pending.append({ _ in }, at: Self.time(1))
        let accepted = (0..<3).map { _ in pending.acknowledged() }
        #expect(accepted == [true, true, false])
        let commands = pending.removeAll()
        #expect(commands.count == 1 && pending.isEmpty)
    }
}
