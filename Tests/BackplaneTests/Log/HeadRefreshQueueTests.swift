import Testing
import VolaryProtocol

@testable import VolaryBackplane

struct HeadRefreshQueueTests {
    private static func topics(_ count: Int) -> [Topic] {
        (0..<count).compactMap { AudienceName("\($0)" as String).map { Topic.group($0) } }
    }

    @Test(arguments: [1, 2, 899, 2000]) func `A round contains each topic once and takes at most a quarter of an hour`(count: Int)
    {
        let topics = Self.topics(count)
        var queue = HeadRefreshQueue()
        var round: [Topic] = []
        var seconds = 0
        while round.count < count {
            round += queue.next(of: topics)
            seconds += 1
        }
        #expect(round == topics && seconds <= HeadRefreshQueue.roundSeconds)
        let next = queue.next(of: topics)
        #expect(next.first == topics.first)
    }

    @Test(arguments: [1, 100, 101, 90_000]) func `An urgent round begins at once, takes at most half a minute, and is one round`(
        count: Int
    ) {
        let topics = Self.topics(count)
        var queue = HeadRefreshQueue()
        _ = queue.next(of: topics)
        queue.hurry()
        var round: [Topic] = []
        var seconds = 0
        while round.count < count {
            round += queue.next(of: topics)
            seconds += 1
        }
        #expect(round == topics && seconds <= HeadRefreshQueue.urgentRoundSeconds)
        let next = queue.next(of: topics)
        #expect(next.count == max(1, count / HeadRefreshQueue.roundSeconds))
    }

    @Test func `Without topics there is nothing to refresh`() {
        var queue = HeadRefreshQueue()
        queue.hurry()
        let (none, one) = (queue.next(of: [Topic]()), queue.next(of: [Topic.all]))
        #expect(none.isEmpty && one == [.all])
    }
}
