import NIOCore
import NIOEmbedded
import Testing
import VolaryBackplane
import VolaryProtocol

@testable import VolaryNode

/// Announcements to everyone.
@Suite
struct AnnouncerTests {
    private let loop = EmbeddedEventLoop()
    private let broker = RecordingBroker()
    private let node = NodeID(rawValue: 1)

    private func announcer(limit: Int?) -> Announcer {
        let directory = NodeDirectory(
            own: NodeRecord(id: self.node, name: "own", version: "1", startedAt: 0, leaseMilliseconds: 5000)
        )
        let publisher = Publisher(
            node: self.node,
            broker: self.broker,
            receipts: ReceiptCollector(eventLoop: self.loop, directory: directory),
            now: { 1_781_330_401_000 }
        )
        return Announcer(limit: limit, publisher: publisher, eventLoop: self.loop)
    }

    private func join(_ announcer: Announcer, _ count: Int) {
        for _ in 0..<count { announcer.record(.joined(ConnectionID("a1b2c3d400000000000000000a0b0c0d")!), in: .default) }
    }

    @Test func `Each is told to everyone, as a system message`() {
        let announcer = self.announcer(limit: 10)
        self.join(announcer, 1)
        #expect(self.broker.texts == ["Client a1b2c3d4 joined."])
        guard case .publication(let publication)? = self.broker.published.first?.message else { return }
        #expect(publication.kind == .system)
        #expect(publication.timestamp == 1_781_330_401_000)
        #expect(publication.confirmation == .none)
        #expect(publication.audience == .all)
        #expect(self.broker.published.first?.topic == .all)
    }

    @Test func `Above the limit they are summed up once a second, for as long as it goes on`() {
        let announcer = self.announcer(limit: 2)
        self.join(announcer, 100)
        #expect(self.broker.texts.count == 2)
        self.loop.advanceTime(by: .milliseconds(999))
        #expect(self.broker.texts.count == 2)
        self.loop.advanceTime(by: .milliseconds(1))
        #expect(self.broker.texts.last == "98 clients joined.")
        self.join(announcer, 3)
        self.loop.advanceTime(by: .seconds(1))
        #expect(self.broker.texts.dropFirst(3) == ["Client a1b2c3d4 joined.", "Client a1b2c3d4 joined.", "1 client joined."])
        self.loop.advanceTime(by: .seconds(10))
        #expect(self.broker.texts.count == 6)
    }

    @Test func `They can be switched off`() {
        let announcer = self.announcer(limit: nil)
        self.join(announcer, 5)
        announcer.connectionsLost([.default: 7])
        self.loop.advanceTime(by: .seconds(5))
        #expect(self.broker.texts.isEmpty)
    }

    @Test func `Those that went with their node are one sentence`() {
        let announcer = self.announcer(limit: 0)
        announcer.connectionsLost([.default: 0])
        announcer.connectionsLost([.default: 1])
        announcer.connectionsLost([.default: 250])
        #expect(self.broker.texts == ["1 client left.", "250 clients left."])
    }
}
