import Logging
import Metrics
import MetricsTestKit
import NIOCore
import NIOEmbedded
import NIOPosix
import TestSupport
import Testing
import VolaryBackplane
import VolaryProtocol

@testable import VolaryNode

/// From the broker to the connections.
@Suite
struct DeliveryTests {
    // MARK: - Batches

    @Test func `Publications that come together leave in one write per connection, in their order`() throws {
        let embedded = try DeliveryHarness.Embedded()
        let parts = DeliveryHarness.parts(embedded.manager)
        parts.delivery.receive((0..<50).map { DeliveryHarness.envelope("\($0)") })
        embedded.loop.run()
        for socket in embedded.sockets {
            #expect(socket.wire.writes == 1)
            #expect(try socket.sent() == (0..<50).map { DeliveryHarness.binary("\($0)") })
        }
    }

    @Test func `A batch ends at 256 KiB, so that its first publication need not wait for much`() throws {
        let embedded = try DeliveryHarness.Embedded(1)
        let parts = DeliveryHarness.parts(embedded.manager)
        let text = String(repeating: "x", count: 100 * 1024)
        parts.delivery.receive((0..<7).map { _ in DeliveryHarness.envelope(text) })
        embedded.loop.run()
        #expect(embedded.sockets[0].wire.writes == 3)
        #expect(try embedded.sockets[0].sent().count == 7)
    }

    @Test func `What goes to one keeps its place between what goes to all`() throws {
        let embedded = try DeliveryHarness.Embedded()
        let parts = DeliveryHarness.parts(embedded.manager)
        let one = embedded.sockets[0].connection.id
        parts.delivery.receive([
            DeliveryHarness.envelope("1"), DeliveryHarness.envelope("2", to: .connection(one)), DeliveryHarness.envelope("3"),
            DeliveryHarness.envelope("4"), DeliveryHarness.envelope("5", to: .connection(one)),
        ])
        embedded.loop.run()
        #expect(try embedded.sockets[0].sent() == ["1", "2", "3", "4", "5"].map(DeliveryHarness.binary))
        #expect(try embedded.sockets[1].sent() == ["1", "3", "4"].map(DeliveryHarness.binary))
    }

    @Test(arguments: [(Publication.Kind.system, "system"), (.message, "message"), (.serverBroadcast, "server-broadcast")])
    func `Text arrives as a message of its kind, binary as it is`(kind: Publication.Kind, type: String) throws {
        let embedded = try DeliveryHarness.Embedded(1)
        let parts = DeliveryHarness.parts(embedded.manager)
        let id = PublicationID.random(on: embedded.manager.node)
        parts.delivery.receive([
            DeliveryHarness.envelope("Hi", id: id, kind: kind, as: .text), DeliveryHarness.envelope("raw", kind: kind),
        ])
        embedded.loop.run()
        // Of a push its id is told, too.
        let more = kind == .serverBroadcast ? #","id":"\#(id)""# : ""
        #expect(
            try embedded.sockets[0].sent() == [
                .text(#"{"type":"\#(type)","message":"Hi","timestamp":"2026-06-13T06:00:01Z"\#(more)}"#),
                DeliveryHarness.binary("raw"),
            ]
        )
    }

    @Test func `Losses of several topics are told together, and cannot run over`() throws {
        let embedded = try DeliveryHarness.Embedded(1)
        let parts = DeliveryHarness.parts(embedded.manager)
        let own = Topic.node(embedded.manager.node)
        for (one, other) in [(3, 4), (Int.max, 1), (1, .max)] {
            parts.delivery.missed([BrokerGap(topic: .all, lost: one), BrokerGap(topic: own, lost: other)])
        }
        embedded.loop.run()
        let texts = try embedded.sockets[0].sent().map { "\($0)" }
        #expect(texts.count == 3)
        for (text, count) in zip(texts, [7, Int.max, Int.max]) { #expect(text.contains("\(count) messages were lost.")) }
    }

    @Test func `All connections on all loops get the same, in the same order`() async throws {
        try await Loops.with(3) { loops in
            let ids = try await loops.connect(9)
            let parts = DeliveryHarness.parts(loops.manager)
            var number = 0
            for _ in 0..<200 {
                let batch = (0..<Int.random(in: 1...8)).map { _ in
                    number += 1
                    return DeliveryHarness.envelope("\(number)")
                }
                parts.delivery.receive(batch)
            }
            for id in ids {
                #expect(await loops.frames(of: id, atLeast: number) == (1...number).map { DeliveryHarness.binary("\($0)") })
            }
        }
    }
}
