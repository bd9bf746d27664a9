import NIOCore
import NIOEmbedded
import TestSupport
import Testing
import VolaryBackplane
import VolaryProtocol

@testable import VolaryNode

/// Delivery keeps the hubs of one node apart.
@Suite
struct HubDeliveryTests {
    /// Connections on one embedded loop, one for each hub in `hubs`.
    private struct Node {
        let loop = EmbeddedEventLoop()
        let manager: ConnectionManager
        let sockets: [EmbeddedWebSocket]
        let parts: DeliveryHarness.Parts

        init(_ hubs: [HubName]) throws {
            let (loop, manager) = (
                self.loop,
                ConnectionManager(node: EmbeddedWebSocket.node, eventLoops: [self.loop], pingInterval: .seconds(30))
            )
            self.manager = manager
            self.sockets = try hubs.map { try EmbeddedWebSocket(hub: $0, manager: manager, loop: loop) }
            self.parts = DeliveryHarness.parts(manager)
        }

        var shard: ConnectionShard { self.manager.shards[0] }

        func sent() throws -> [[ServerFrame]] { try self.sockets.map { try $0.sent() } }

        /// Runs the loop until nothing waits, a busy loop's pause included.
        func run() { self.loop.advanceTime(by: FanOutCoalescing.longestWait * 2) }

        func receive(_ envelopes: [Envelope]) {
            self.parts.delivery.receive(envelopes)
            self.run()
        }
    }

    private let hubs: [HubName] = [.default, "chat", "chat", "other"]

    @Test func `A publication for all of a hub reaches its connections and no others, and is counted`() throws {
        let node = try Node(self.hubs)
        let ids = (0..<3).map { _ in PublicationID.random(on: DeliveryHarness.origin) }
        node.receive([
            DeliveryHarness.envelope("to the default hub", id: ids[0], confirmation: .routed),
            DeliveryHarness.envelope("to chat", id: ids[1], in: "chat", confirmation: .routed),
            DeliveryHarness.envelope("to nobody", id: ids[2], in: "empty", confirmation: .routed),
        ])
        let chat = [DeliveryHarness.binary("to chat")]
        #expect(try node.sent() == [[DeliveryHarness.binary("to the default hub")], chat, chat, []])
        let receipts = zip(ids, [1, 2, 0]).map { Receipt(id: $0, connections: UInt32($1)) }
        let sent = node.parts.broker.published.flatMap { published -> [Receipt] in
            if case .receipts(let receipts) = published.message { receipts } else { [] }
        }
        #expect(Set(sent) == Set(receipts) && sent.count == 3)
    }

    @Test func `A group, a user and a connection are of one hub`() throws {
        let node = try Node(self.hubs)
        let group = try #require(AudienceName("g"))
        for socket in node.sockets { node.shard.join(socket.connection, group) }
        let target = node.sockets[1].connection.id
        node.receive([
            DeliveryHarness.envelope("group of chat", in: "chat", to: .group(group)),
            DeliveryHarness.envelope("group of other", in: "other", to: .group(group)),
            DeliveryHarness.envelope("one of chat", in: "chat", to: .connection(target)),
            DeliveryHarness.envelope("one of other", in: "other", to: .connection(target)),
            DeliveryHarness.envelope("one of the default hub", to: .connection(target)),
        ])
        let (ofChat, ofOther) = (DeliveryHarness.binary("group of chat"), DeliveryHarness.binary("group of other"))
        #expect(try node.sent() == [[], [ofChat, DeliveryHarness.binary("one of chat")], [ofChat], [ofOther]])
    }

    @Test func `A batch never holds publications of two hubs`() throws {
        let node = try Node(self.hubs)
        let envelopes = (0..<6).map { DeliveryHarness.envelope("\($0)", in: $0.isMultiple(of: 2) ? .default : "chat") }
        node.receive(envelopes)
        #expect(try node.sockets[0].sent() == ["0", "2", "4"].map(DeliveryHarness.binary))
        #expect(try node.sockets[1].sent() == ["1", "3", "5"].map(DeliveryHarness.binary))
        #expect(try node.sockets[3].sent() == [])
    }

    @Test func `A hub without connections leaves nothing behind`() throws {
        let node = try Node(["chat", "chat"])
        let group = try #require(AudienceName("g"))
        node.shard.join(node.sockets[0].connection, group)
        let targets = [Audience.all, .group(group)].map { HubAudience(hub: "chat", audience: $0) }
        #expect(node.manager.countsByHub == ["chat": 2])
        #expect(targets.allSatisfy { node.manager.shards(of: $0).count == 1 })
        for socket in node.sockets { node.manager.remove(socket.connection.id, on: node.shard) }
        #expect(node.shard.members(of: "chat") == nil)
        #expect(node.manager.countsByHub.isEmpty)
        #expect(targets.allSatisfy { node.manager.shards(of: $0).isEmpty })
        // The default hub's audience is everywhere.
        #expect(node.manager.shards(of: .all).count == 1)
    }

    @Test func `A command for a connection of another hub finds nobody`() async throws {
        let node = try Node(["chat"])
        let connection = node.sockets[0].connection.id
        let ids = (0..<3).map { _ in PublicationID.random(on: DeliveryHarness.origin) }
        let requests: [NodeMessage] = zip(ids, ["other", .default, "chat"] as [HubName]).map { id, hub in
            .close(CloseRequest(id: id, hub: hub, connection: connection, code: .normal, reason: "bye"))
        }
        node.receive(requests.map { Envelope(origin: DeliveryHarness.origin, sequence: 1, message: $0) })
        #expect(
            node.parts.broker.published.map(\.message)
                == zip(ids, [0, 0, 1]).map { .receipts([Receipt(id: $0, connections: $1)]) }
        )
        #expect(try node.sent() == [[.close(1000, "bye")]])
    }

    // MARK: - Losses

    private func notice(_ text: String) -> [ServerFrame] {
        [
            .text(#"{"type":"system","message":"\#(text)","timestamp":"2026-06-13T06:00:02Z"}"#)
        ]
    }

    @Test func `A gap is told to its hub only, and a gap of the node's topic to every hub`() throws {
        let node = try Node(self.hubs)
        func told(_ gaps: [BrokerGap]) throws -> [[ServerFrame]] {
            node.parts.delivery.missed(gaps)
            node.run()
            return try node.sent()
        }
        let (own, group) = (Topic.node(node.manager.node), try #require(AudienceName("g")))
        let two = self.notice("2 messages were lost.")
        #expect(try told([BrokerGap(topic: .all("chat"), lost: 2)]) == [[], two, two, []])
        #expect(try told([BrokerGap(topic: own, lost: 2)]) == [two, two, two, two])
        let three = self.notice("3 messages were lost.")
        #expect(try told([BrokerGap(topic: own, lost: 2), BrokerGap(topic: .all("other"), lost: 1)]) == [two, two, two, three])
        node.shard.join(node.sockets[1].connection, group)
        node.shard.join(node.sockets[3].connection, group)
        let reached = try told([BrokerGap(topic: .group("chat", group), lost: 2)])
        #expect(reached.map(\.count) == [0, 1, 0, 0])
    }

    @Test func `What an event loop loses for want of room is told to its hub`() throws {
        let node = try Node(self.hubs)
        let target = HubAudience(hub: "chat", audience: .all)
        let bytes = ConnectionShard.queueBytes
        func fanOut() -> FanOut { FanOut(EncodedBatch([]), to: target, bytes: 1) { _ in } }
        #expect(node.shard.submit(fanOut(), bytes: bytes))
        #expect(!node.shard.submit(fanOut(), bytes: bytes))
        node.run()
        let one = self.notice("1 message was lost.")
        #expect(try node.sent() == [[], one, one, []])
    }

    @Test func `Losses of too many audiences are told to every hub`() throws {
        let node = try Node(self.hubs)
        #expect(node.shard.submit(FanOut(EncodedBatch([]), to: .all, bytes: 1) { _ in }, bytes: ConnectionShard.queueBytes))
        for number in 0...LostPublications.maximumAudiences {
            let name = try #require(AudienceName("\(number)"))
            let target = HubAudience(hub: "chat", audience: .group(name))
            #expect(!node.shard.submit(FanOut(EncodedBatch([]), to: target, bytes: 1) { _ in }, bytes: 1))
        }
        node.run()
        let unknown = self.notice("Messages may have been lost.")
        #expect(try node.sent() == [unknown, unknown, unknown, unknown])
    }
}
