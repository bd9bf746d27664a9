import Testing
import VolaryProtocol

@testable import VolaryBackplane

/// Offsets that no node's message can have are no number of lost messages.
struct ImplausibleGapTests {
    private typealias Follower = TopicLogFollower

    /// A message that another program has published in the log's epoch.
    private static func forged(_ offset: UInt64, in node: Follower) -> LogArrival {
        let envelope = Envelope(origin: NodeID(rawValue: 9), sequence: 1, message: .receipts([]))
        return LogArrival(position: .init(epoch: node.model.head?.epoch ?? 0, offset: offset), envelope: envelope, bytes: 10)
    }

    @Test(arguments: [10, 1 << 22, 255 << 40] as [UInt64])
    func `Past the end of the log nothing is counted; what the log has forgotten is, and the rest is told as unknown`(
        offset: UInt64
    ) {
        var node = Follower()
        node.relink()
        node.hear(3)
        node.miss(4)
        node.model.trim(to: 0)
        node.machine.received(Self.forged(offset, in: node), into: &node.output)
        node.answerAll()
        #expect(node.output.lost == 4 && node.output.gaps == 1)
        node.hear(2)
        node.answerAll()
        node.hear()
        node.answerAll()
        #expect(node.texts.filter { $0 > 1 } == [2, 3, 8, 9, 10] && node.output.lost == 4)
    }

    @Test(arguments: [(1 << 22, 1 << 22, 0), ((1 << 22) + 1, 0, 1), ((1 << 53) - 10, 0, 1)] as [(UInt64, Int, Int)])
    func `Without a log a gap counts up to four million messages; a larger one is told as unknown`(
        missing: UInt64,
        lost: Int,
        gaps: Int
    ) {
        var node = Follower()
        node.relink()
        node.hear(2)
        let arrival = Self.forged(3 + missing, in: node)
        node.model.removeAll()
        node.machine.received(arrival, into: &node.output)
        node.answerAll()
        #expect((node.output.lost, node.output.gaps) == (lost, gaps))
        node.hear(2)
        #expect(node.texts.suffix(2) == [3, 4] && node.machine.isFollowing)
    }

    @Test(arguments: [(1 << 32, 1 << 32, 0), ((1 << 32) + 1, 0, 1), ((1 << 53) - 10, 0, 1)] as [(UInt64, Int, Int)])
    func `What the log itself says is counted up to four thousand million messages`(missing: UInt64, lost: Int, gaps: Int) {
        var node = Follower()
        node.relink()
        node.hear(2)
        let epoch = node.model.head?.epoch ?? 0
        node.unlink()
        node.subscribe()
        node.machine.read(LogPage(head: .init(epoch: epoch, offset: 2 + missing, start: 0)), into: &node.output)
        #expect((node.output.lost, node.output.gaps) == (lost, gaps) && node.machine.isFollowing)
    }
}
