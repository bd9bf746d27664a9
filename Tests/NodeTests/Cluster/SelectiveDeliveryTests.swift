import NIOCore
import NIOEmbedded
import TestSupport
import Testing
import VolaryProtocol

@testable import VolaryNode

/// Publications for some connections of their audience, and publications with a lifetime.
@Suite
struct SelectiveDeliveryTests {
    @Test func `Publications that arrive together reach the connections that each of them selects, in order`() throws {
        let node = try DeliveryHarness.Embedded(3)
        let parts = DeliveryHarness.parts(node.manager, eventLoop: node.loop)
        let ids = node.sockets.map(\.connection.id)
        let filter = try PubSubFilter(parsing: UTF8Text("connectionId eq '\(ids[2])'"))
        let receipt = PublicationID.random(on: DeliveryHarness.origin)
        parts.delivery.receive([
            DeliveryHarness.envelope("all"),
            DeliveryHarness.envelope("not 0", details: PublicationDetails(excluded: [ids[0]])),
            DeliveryHarness.envelope("not 0 again", details: PublicationDetails(excluded: [ids[0]])),
            DeliveryHarness.envelope(
                "only 1",
                id: receipt,
                confirmation: .routed,
                details: PublicationDetails(excluded: [ids[0], ids[2]])
            ),
            DeliveryHarness.envelope("only 2", details: PublicationDetails(filter: filter)),
            DeliveryHarness.envelope("nobody", details: PublicationDetails(excluded: [ids[2]], filter: filter)),
            DeliveryHarness.envelope("all again"),
        ])
        node.loop.run()
        let expected = [
            ["all", "all again"], ["all", "not 0", "not 0 again", "only 1", "all again"],
            ["all", "not 0", "not 0 again", "only 2", "all again"],
        ]
        for (socket, texts) in zip(node.sockets, expected) {
            #expect(try socket.sent() == texts.map(DeliveryHarness.binary))
        }
        #expect(parts.broker.published.map(\.message) == [.receipts([Receipt(id: receipt, connections: 1)])])
    }

    @Test func `A publication is delivered while its lifetime and the difference of clocks are not over`() throws {
        // The harness sends at 1,000 ms after this time.
        for (seconds, now, isDelivered) in [(1, 11_999, true), (1, 12_001, false), (300, 12_001, true), (300, 311_001, false)]
            as [(UInt16, Int64, Bool)]
        {
            let node = try DeliveryHarness.Embedded(1)
            let parts = DeliveryHarness.parts(node.manager, eventLoop: node.loop) { 1_781_330_400_000 + now }
            let id = PublicationID.random(on: DeliveryHarness.origin)
            parts.delivery.receive([
                DeliveryHarness.envelope("x", id: id, confirmation: .routed, details: PublicationDetails(secondsToLive: seconds))
            ])
            node.loop.run()
            #expect(try node.sockets[0].sent().count == (isDelivered ? 1 : 0), "\(seconds) \(now)")
            #expect(parts.broker.published.map(\.message) == [.receipts([Receipt(id: id, connections: isDelivered ? 1 : 0)])])
        }
    }
}
