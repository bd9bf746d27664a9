import NIOCore
import Testing
import VolaryProtocol

@testable import VolaryBackplane

/// What all topics hold back together is bounded.
@Suite
struct TopicLogsTests {
    private static let own = NodeID(rawValue: 1)

    private func arrival(_ offset: UInt64, bytes: Int) -> LogArrival {
        let envelope = Envelope(origin: NodeID(rawValue: 7), sequence: offset, message: .receipts([]))
        return LogArrival(position: LogPosition(epoch: 1, offset: offset), envelope: envelope, bytes: bytes)
    }

    private func topic(_ number: Int) throws -> Topic { .group(try #require(AudienceName("group-\(number)" as String))) }

    @Test
    func `A thousand topics that catch up hold no more than the bound; who is past it reads again, and loses nothing`() throws {
        let overhead = Outbox<Void>.overheadBytes
        var logs = TopicLogs(maximumHeldBytes: 100 * (1000 + overhead))
        var output = TopicLogStateMachine.Output()
        let topics = try (0..<1000).map(self.topic)
        let empty = LogPage(head: .init(epoch: 1, offset: 0, start: 0))
        for topic in topics {
            logs.begin(topic, own: Self.own)
            _ = logs.step(topic) { log in
                log.subscribed(session: 1)
                log.read(empty, into: &output)
                log.unlinked(into: &output)
                log.subscribed(session: 2)
            }
        }
        for offset in 1...5 as ClosedRange<UInt64> {
            for topic in topics {
                let outcome = logs.step(topic) { $0.received(self.arrival(offset, bytes: 1000), into: &output) }?.outcome
                #expect(outcome == .init(isFollowing: false, hasRequest: true, isBehind: true))
                try #require(logs.heldBytes <= logs.limit)
            }
        }
        #expect(logs.heldBytes > 0)
        let page = LogPage(
            head: .init(epoch: 1, offset: 5, start: 0),
            entries: (1...5).map { .init(offset: $0, bytes: self.arrival($0, bytes: 0).envelope?.encoded() ?? ByteBuffer()) }
        )
        for topic in topics {
            while logs[topic]?.request != nil { _ = logs.step(topic) { $0.read(page, into: &output) } }
            #expect(logs[topic]?.isFollowing == true)
        }
        #expect(logs.heldBytes == 0 && output.lost == 0 && output.gaps == 0)
        #expect(output.envelopes.count == 5 * topics.count)
    }

    @Test
    func `A topic is behind while it holds messages or has missed some, and not only because it is new`() throws {
        var logs = TopicLogs()
        logs.begin(.all, own: Self.own)
        func isBehind(_ body: (inout TopicLogStateMachine) -> Void) -> Bool? { logs.step(.all, body)?.outcome.isBehind }
        #expect(isBehind { $0.subscribed(session: 1) } == false)
        #expect(isBehind { _ = $0.received(self.arrival(1, bytes: 1)) } == true)
        #expect(isBehind { _ = $0.read(LogPage(head: .init(epoch: 1, offset: 1, start: 0))) } == false)
        #expect(isBehind { _ = $0.unlinked() } == true)
        #expect(isBehind { $0.subscribed(session: 2) } == true)
        #expect(isBehind { _ = $0.read(LogPage(head: .init(epoch: 1, offset: 1, start: 0))) } == false)
    }

    @Test
    func `A topic that ends, or whose link is lost, holds nothing any more`() throws {
        var logs = TopicLogs()
        for topic in [Topic.all, .group("a")] {
            logs.begin(topic, own: Self.own)
            _ = logs.step(topic) { $0.subscribed(session: 1) }
            _ = logs.step(topic) { $0.received(self.arrival(1, bytes: 500)) }
        }
        #expect(logs.heldBytes == 2 * (500 + Outbox<Void>.overheadBytes))
        logs.end(.all)
        #expect(logs.heldBytes == 500 + Outbox<Void>.overheadBytes && logs[.all] == nil)
        _ = logs.step(.group("a")) { $0.unlinked() }
        #expect(logs.heldBytes == 0)
        #expect(logs.step(.all) { $0.unlinked() } == nil)
    }
}
