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

/// From the broker to one connection, and the receipts for it.
@Suite
struct DeliveryReceiptTests {
    // MARK: - One connection

    @Test func `A message for one reaches it alone, and is receipted as one`() async throws {
        try await Loops.with(3) { loops in
            let ids = try await loops.connect(6)
            let parts = DeliveryHarness.parts(loops.manager)
            let wanted = PublicationID.random(on: DeliveryHarness.origin)
            parts.delivery.receive([DeliveryHarness.envelope("you", id: wanted, to: .connection(ids[4]), confirmation: .routed)])
            #expect(await loops.frames(of: ids[4]) == [DeliveryHarness.binary("you")])
            #expect(await eventually { parts.broker.published.count == 1 })
            #expect(parts.broker.published.first?.message == .receipts([Receipt(id: wanted, connections: 1)]))
            #expect(parts.broker.published.first?.topic == .node(DeliveryHarness.origin))
            for id in ids where id != ids[4] { #expect(loops.client(of: id)?.frames == []) }
        }
    }

    @Test func `A connection that is not here is receipted as none`() throws {
        let embedded = try DeliveryHarness.Embedded()
        let parts = DeliveryHarness.parts(embedded.manager)
        let ids = (0..<2).map { _ in PublicationID.random(on: DeliveryHarness.origin) }
        let nobody = ConnectionID.random(on: embedded.manager.node)
        let request = CloseRequest(id: ids[1], connection: nobody, code: .normal, reason: "")
        parts.delivery.receive([
            DeliveryHarness.envelope("x", id: ids[0], to: .connection(nobody), confirmation: .routed),
            Envelope(origin: DeliveryHarness.origin, sequence: 2, message: .close(request)),
        ])
        embedded.loop.run()
        #expect(parts.broker.published.map(\.message) == ids.map { .receipts([Receipt(id: $0, connections: 0)]) })
    }

    @Test func `A close request closes its connection alone, and is always receipted`() throws {
        let embedded = try DeliveryHarness.Embedded()
        let parts = DeliveryHarness.parts(embedded.manager)
        let request = CloseRequest(
            id: .random(on: DeliveryHarness.origin),
            connection: embedded.sockets[1].connection.id,
            code: CloseCode(rawValue: 4000),
            reason: "go"
        )
        parts.delivery.receive([Envelope(origin: DeliveryHarness.origin, sequence: 1, message: .close(request))])
        embedded.loop.run()
        #expect(try embedded.sockets[0].sent() == [])
        #expect(try embedded.sockets[1].sent() == [.close(4000, "go")])
        #expect(parts.broker.published.map(\.message) == [.receipts([Receipt(id: request.id, connections: 1)])])
    }

    @Test
    func `A close request ends the connection of a client that is gone and has left something to be handled, and counts it`()
        async throws
    {
        try await Loops.with(1, finishes: false) { loops in
            let ids = try await loops.connect(1)
            let parts = DeliveryHarness.parts(loops.manager)
            try await loops.leaveMessages(ids[0])
            // Not in the inventory: the presence reporter of the harness does not run.
            await loops.manager.onShard(of: ids[0]) { $1.state.listing = .unlisted }
            let request = CloseRequest(id: .random(on: DeliveryHarness.origin), connection: ids[0], code: .normal, reason: "")
            parts.delivery.receive([Envelope(origin: DeliveryHarness.origin, sequence: 1, message: .close(request))])
            #expect(await eventually { !parts.broker.published.isEmpty })
            #expect(parts.broker.published.map(\.message) == [.receipts([Receipt(id: request.id, connections: 1)])])
            #expect(loops.manager.total == 0)
        }
    }

    // MARK: - Receipts

    @Test func `A receipt counts the open connections of all loops, once`() async throws {
        try await Loops.with(3) { loops in
            let ids = try await loops.connect(7)
            #expect(await loops.manager.close(ids[0], code: .normal, reason: ""))
            let parts = DeliveryHarness.parts(loops.manager)
            let wanted = PublicationID.random(on: DeliveryHarness.origin)
            parts.delivery.receive([
                DeliveryHarness.envelope("a"), DeliveryHarness.envelope("b", id: wanted, confirmation: .routed),
                DeliveryHarness.envelope("c"),
            ])
            #expect(await eventually { !parts.broker.published.isEmpty })
            #expect(parts.broker.published.map(\.message) == [.receipts([Receipt(id: wanted, connections: 6)])])
        }
    }

    @Test func `Receipts of one batch travel together, at most 1000 in one envelope`() throws {
        let embedded = try DeliveryHarness.Embedded(1)
        let parts = DeliveryHarness.parts(embedded.manager)
        parts.delivery.receive((0..<1500).map { DeliveryHarness.envelope("\($0)", confirmation: .routed) })
        embedded.loop.run()
        let sizes = parts.broker.published.map { published in
            guard case .receipts(let receipts) = published.message else { return -1 }
            return receipts.count
        }
        #expect(sizes == [1000, 500])
    }

    @Test func `What nobody wants a receipt for is not receipted`() throws {
        let embedded = try DeliveryHarness.Embedded()
        let parts = DeliveryHarness.parts(embedded.manager)
        parts.delivery.receive([
            DeliveryHarness.envelope("a"), DeliveryHarness.envelope("b", to: .connection(embedded.sockets[0].connection.id)),
        ])
        embedded.loop.run()
        #expect(parts.broker.published.isEmpty)
    }

    @Test func `A node's own publication is receipted without the broker`() async throws {
        try await Loops.with(2) { loops in
            _ = try await loops.connect(3)
            let parts = DeliveryHarness.parts(loops.manager)
            let id = PublicationID.random(on: loops.manager.node)
            let answer = try await parts.receipts.collect(id, expectsAll: true, timeout: .seconds(10)) { completion in
                completion(.success(.relayed(receivers: 1)))
                parts.delivery.receive([DeliveryHarness.envelope("x", id: id, confirmation: .routed)])
            }
            #expect(answer.receipts == [loops.manager.node: 3])
            #expect(parts.broker.published.isEmpty)
        }
    }

    @Test func `Receipts from other nodes reach whoever waits for them`() async throws {
        let manager = ConnectionManager(node: EmbeddedWebSocket.node, eventLoops: [], pingInterval: .seconds(30))
        let parts = DeliveryHarness.parts(manager)
        let id = PublicationID.random(on: manager.node)
        let answer = try await parts.receipts.collect(id, expectsAll: true, timeout: .seconds(10)) { completion in
            completion(.success(.relayed(receivers: 2)))
            for (node, count) in [(NodeID(rawValue: 1), UInt32(4)), (NodeID(rawValue: 2), 5)] {
                parts.delivery.receive([
                    Envelope(origin: node, sequence: 1, message: .receipts([Receipt(id: id, connections: count)]))
                ])
            }
        }
        #expect(answer.receipts == [NodeID(rawValue: 1): 4, NodeID(rawValue: 2): 5])
    }

    // MARK: - Too much

    @Test func `A loop that is too far behind loses publications, counted, and says that it reached nobody`() throws {
        let metrics = Self.metrics
        let embedded = try DeliveryHarness.Embedded(1)
        let parts = DeliveryHarness.parts(embedded.manager)
        let dropped = try metrics.expectCounter("volary_publications_dropped")
        let before = dropped.totalValue
        let payload = String(repeating: "x", count: 16 * 1024 * 1024)
        let ids = (0..<6).map { _ in PublicationID.random(on: DeliveryHarness.origin) }
        for id in ids { parts.delivery.receive([DeliveryHarness.envelope(payload, id: id, confirmation: .routed)]) }
        // Three and their frames' headers fit into 64 MiB; what comes after them does not, until the loop has run.
        #expect(dropped.totalValue - before == 3)
        #expect(parts.broker.published.map(\.message) == ids[3...].map { .receipts([Receipt(id: $0, connections: 0)]) })
        embedded.loop.run()
        // And one of the loss.
        #expect(embedded.sockets[0].wire.writes == 4)
        parts.delivery.receive([DeliveryHarness.envelope("small again")])
        embedded.loop.run()
        #expect(embedded.sockets[0].wire.writes == 5)
    }

    /// The process has one metrics system.
    private static let metrics: TestMetrics = {
        let metrics = TestMetrics()
        MetricsSystem.bootstrap(metrics)
        return metrics
    }()
}
