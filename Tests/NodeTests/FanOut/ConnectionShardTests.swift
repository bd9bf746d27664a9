import NIOCore
import NIOEmbedded
import TestSupport
import Testing
import VolaryBackplane
import VolaryProtocol

@testable import VolaryNode

/// The queue of an event loop.
@Suite
struct ConnectionShardTests {
    @Test func `Publications that came one by one while the loop was busy leave in one write, in their order`() throws {
        let embedded = try DeliveryHarness.Embedded()
        let parts = DeliveryHarness.parts(embedded.manager)
        for number in 0..<50 { parts.delivery.receive([DeliveryHarness.envelope("\(number)")]) }
        embedded.loop.run()
        for socket in embedded.sockets {
            #expect(socket.wire.writes == 1)
            #expect(try socket.sent() == (0..<50).map { DeliveryHarness.binary("\($0)") })
        }
    }

    @Test func `Each of them has its own receipt`() throws {
        let embedded = try DeliveryHarness.Embedded()
        let parts = DeliveryHarness.parts(embedded.manager)
        let ids = (0..<3).map { _ in PublicationID.random(on: DeliveryHarness.origin) }
        for id in ids { parts.delivery.receive([DeliveryHarness.envelope("x", id: id, confirmation: .routed)]) }
        embedded.loop.run()
        #expect(embedded.sockets[0].wire.writes == 1)
        #expect(parts.broker.published.map(\.message) == ids.map { .receipts([Receipt(id: $0, connections: 2)]) })
    }

    @Test func `What is for others, or is answered once written, keeps its place`() throws {
        let embedded = try DeliveryHarness.Embedded()
        let parts = DeliveryHarness.parts(embedded.manager)
        let one = embedded.sockets[0].connection.id
        for envelope in [
            DeliveryHarness.envelope("1"), DeliveryHarness.envelope("2"),
            DeliveryHarness.envelope("3", to: .connection(one)), DeliveryHarness.envelope("4"),
            DeliveryHarness.envelope("5", confirmation: .written(milliseconds: 1000)), DeliveryHarness.envelope("6"),
        ] {
            parts.delivery.receive([envelope])
        }
        embedded.loop.run()
        #expect(try embedded.sockets[0].sent() == (1...6).map { DeliveryHarness.binary("\($0)") })
        #expect(embedded.sockets[0].wire.writes == 5)
        #expect(try embedded.sockets[1].sent() == [1, 2, 4, 5, 6].map { DeliveryHarness.binary("\($0)") })
    }

    @Test func `Up to 64 KiB are put together`() throws {
        let embedded = try DeliveryHarness.Embedded(1)
        let parts = DeliveryHarness.parts(embedded.manager)
        let text = String(repeating: "x", count: 20 * 1024)
        for _ in 0..<7 { parts.delivery.receive([DeliveryHarness.envelope(text)]) }
        embedded.loop.run()
        #expect(embedded.sockets[0].wire.writes == 3)
        #expect(try embedded.sockets[0].sent().count == 7)
    }

    @Test func `Put together, they are compressed for those who inflate`() throws {
        let agreement = NegotiatedDeflate.accepting([ExtensionOffer("permessage-deflate", [])])
        let embedded = try DeliveryHarness.Embedded(compressions: [nil, agreement])
        let parts = DeliveryHarness.parts(embedded.manager)
        let texts = ["a", "b"].map { String(repeating: $0, count: 1000) }
        for text in texts { parts.delivery.receive([DeliveryHarness.envelope(text)]) }
        embedded.loop.run()
        #expect(try embedded.sockets[0].sent() == texts.map(DeliveryHarness.binary))
        #expect(embedded.sockets[1].wire.writes == 1)
        var decoder = MessageDecoder(compression: agreement)
        let inflated = try embedded.sockets[1].sent().map { frame -> MessageDecoder.Event? in
            guard case .compressed(let opcode, let payload) = frame else { return nil }
            var bytes = ByteBuffer(bytes: ClientFrame.frame(0x40 + opcode, payload))
            return try decoder.next(&bytes)
        }
        #expect(inflated == texts.map { .binary(ByteBuffer(string: $0)) })
    }

    @Test func `A loop that is busy waits, and sends then what has come meanwhile`() throws {
        let embedded = try DeliveryHarness.Embedded(1)
        let parts = DeliveryHarness.parts(embedded.manager)
        let wire = embedded.sockets[0].wire
        // Its one write takes as long as a thousand writes. After the run the embedded loop's clock has its value from before
        // the run.
        wire.onWrite = { embedded.loop.advanceTime(by: .milliseconds(8)) }
        parts.delivery.receive([DeliveryHarness.envelope("1")])
        embedded.loop.run()
        #expect(wire.writes == 1)
        parts.delivery.receive([DeliveryHarness.envelope("2")])
        embedded.loop.run()
        #expect(wire.writes == 1)
        parts.delivery.receive([DeliveryHarness.envelope("3")])
        embedded.loop.advanceTime(by: FanOutCoalescing.longestWait)
        #expect(wire.writes == 2)
        #expect(try embedded.sockets[0].sent() == ["1", "2", "3"].map(DeliveryHarness.binary))
    }

    // MARK: - Bounds

    private static func fanOut(to audience: HubAudience = .all) -> FanOut {
        FanOut(EncodedBatch([]), to: audience, bytes: 1) { _ in }
    }

    @Test func `What waits is bounded, with something for each publication; one of any size may wait alone`() {
        let loop = EmbeddedEventLoop()
        let shard = ConnectionShard(eventLoop: loop)
        let accepted = [
            shard.submit(Self.fanOut(), bytes: 2 * ConnectionShard.queueBytes),
            shard.submit(Self.fanOut(), bytes: 0),
        ]
        #expect(accepted == [true, false])
        loop.run()
        let most = ConnectionShard.queueBytes / ConnectionShard.overheadBytes
        let small = (0..<most).allSatisfy { _ in shard.submit(Self.fanOut(), bytes: 0) }
        #expect(small)
        let another = shard.submit(Self.fanOut(), bytes: 0)
        #expect(!another)
        loop.run()
    }

    @Test func `A loop that is full of publications takes requests, up to 65,536`() {
        let loop = EmbeddedEventLoop()
        let shard = ConnectionShard(eventLoop: loop)
        #expect(shard.submit(Self.fanOut(), bytes: 2 * ConnectionShard.queueBytes))
        let requests = (0..<ConnectionShard.queueRequests).allSatisfy { _ in shard.submit { _ in } }
        #expect(requests)
        let another = shard.submit { _ in }
        #expect(!another)
        loop.run()
        #expect(shard.submit { _ in }, "the loop has done what waited")
        loop.run()
    }

    @Test func `Clients are told of publications for which there was no room, those concerned only, behind what had room`() throws
    {
        let embedded = try DeliveryHarness.Embedded(2)
        let parts = DeliveryHarness.parts(embedded.manager)
        let shard = embedded.manager.shards[0]
        let group = try #require(AudienceName("g"))
        shard.join(embedded.sockets[1].connection, group)
        let large = String(repeating: "x", count: 40 * 1024 * 1024)
        parts.delivery.receive([DeliveryHarness.envelope(large)])
        for _ in 0..<3 { parts.delivery.receive([DeliveryHarness.envelope(large, to: .group(group))]) }
        parts.delivery.receive([DeliveryHarness.envelope("small")])
        embedded.loop.run()
        embedded.loop.advanceTime(by: .milliseconds(1))
        let received = try embedded.sockets.map { try $0.sent() }
        #expect(received[0].count == 2)
        #expect(received[0].last == DeliveryHarness.binary("small"))
        #expect(received[1].count == 3)
        guard case .text(let notice)? = received[1].last else {
            Issue.record("the group was not told")
            return
        }
        #expect(notice.contains(#""type":"system","message":"3 messages were lost.""#))
    }

    @Test func `Past a thousand audiences everyone is told that something may be lost`() {
        var lost = LostPublications()
        #expect(lost.isEmpty)
        for number in 0..<LostPublications.maximumAudiences { lost.add(2, of: .group(AudienceName("\(number)")!)) }
        lost.add(3, of: .group(AudienceName("0")!))
        #expect(lost.counts.count == LostPublications.maximumAudiences && !lost.hasTooManyAudiences)
        #expect(lost.counts[.group(AudienceName("0")!)] == 5)
        lost.add(1, of: .user(AudienceName("another")!))
        #expect(lost.counts.isEmpty && lost.hasTooManyAudiences && !lost.isEmpty)
    }
}
