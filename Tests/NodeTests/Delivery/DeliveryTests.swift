import Backplane
import Logging
import Metrics
import MetricsTestKit
import NIOCore
import NIOEmbedded
import NIOPosix
import Protocol
import TestSupport
import Testing

@testable import Node

@Suite("From the broker to the connections")
struct DeliveryTests {
    private static let origin = NodeID(rawValue: 9)

    private struct Parts {
        let delivery: Delivery
        let receipts: ReceiptCollector
        let broker: RecordingBroker
    }

    private func parts(
        _ manager: ConnectionManager,
        eventLoop: any EventLoop = MultiThreadedEventLoopGroup.singleton.any()
    ) -> Parts {
        let directory = NodeDirectory(
            own: NodeRecord(id: manager.node, name: "own", version: "1", startedAt: 0, leaseMilliseconds: 5000)
        )
        let receipts = ReceiptCollector(eventLoop: eventLoop, directory: directory)
        let broker = RecordingBroker()
        let delivery = Delivery(
            connections: manager,
            receipts: receipts,
            broker: broker,
            metrics: NodeMetrics(),
            logger: .quiet
        )
        return Parts(delivery: delivery, receipts: receipts, broker: broker)
    }

    private static func envelope(
        _ text: String,
        id: PublicationID = .random(on: Self.origin),
        kind: Publication.Kind = .message,
        to target: ConnectionID? = nil,
        as dataType: Publication.DataType = .binary,
        wantsReceipt: Bool = false
    ) -> Envelope {
        Envelope(
            origin: Self.origin,
            sequence: 1,
            message: .publication(
                Publication(
                    id: id,
                    kind: kind,
                    target: target,
                    dataType: dataType,
                    timestamp: 1_781_330_401_000,
                    wantsReceipt: wantsReceipt,
                    payload: ByteBuffer(string: text)
                )
            )
        )
    }

    /// One embedded loop with sockets on it.
    private final class Embedded {
        let loop = EmbeddedEventLoop()
        let manager: ConnectionManager
        let sockets: [EmbeddedWebSocket]

        init(_ count: Int = 2) throws {
            self.manager = ConnectionManager(node: EmbeddedWebSocket.node, eventLoops: [self.loop], pingInterval: .seconds(30))
            self.sockets = try (0..<count).map { _ in try EmbeddedWebSocket() }
            for socket in self.sockets { self.manager.add(socket.connection, on: self.loop) }
        }
    }

    private static func binary(_ text: String) -> ServerFrame { .binary(Array(text.utf8)) }

    // MARK: - Batches

    @Test func `Publications that come together leave in one write per connection, in their order`() throws {
        let embedded = try Embedded()
        let parts = self.parts(embedded.manager)
        parts.delivery.receive((0..<50).map { Self.envelope("\($0)") })
        embedded.loop.run()
        for socket in embedded.sockets {
            #expect(socket.wire.writes == 1)
            #expect(try socket.sent() == (0..<50).map { Self.binary("\($0)") })
        }
    }

    @Test func `A batch ends at 256 KiB, so that its first publication need not wait for much`() throws {
        let embedded = try Embedded(1)
        let parts = self.parts(embedded.manager)
        let text = String(repeating: "x", count: 100 * 1024)
        parts.delivery.receive((0..<7).map { _ in Self.envelope(text) })
        embedded.loop.run()
        #expect(embedded.sockets[0].wire.writes == 3)
        #expect(try embedded.sockets[0].sent().count == 7)
    }

    @Test func `What goes to one keeps its place between what goes to all`() throws {
        let embedded = try Embedded()
        let parts = self.parts(embedded.manager)
        let one = embedded.sockets[0].connection.id
        parts.delivery.receive([
            Self.envelope("1"), Self.envelope("2", to: one), Self.envelope("3"), Self.envelope("4"), Self.envelope("5", to: one),
        ])
        embedded.loop.run()
        #expect(try embedded.sockets[0].sent() == ["1", "2", "3", "4", "5"].map(Self.binary))
        #expect(try embedded.sockets[1].sent() == ["1", "3", "4"].map(Self.binary))
    }

    @Test(arguments: [(Publication.Kind.system, "system"), (.message, "message"), (.serverBroadcast, "server-broadcast")])
    func `Text arrives as a message of its kind, binary as it is`(kind: Publication.Kind, type: String) throws {
        let embedded = try Embedded(1)
        let parts = self.parts(embedded.manager)
        parts.delivery.receive([Self.envelope("Hi", kind: kind, as: .text), Self.envelope("raw", kind: kind)])
        embedded.loop.run()
        #expect(
            try embedded.sockets[0].sent() == [
                .text(#"{"type":"\#(type)","message":"Hi","timestamp":"2026-06-13T06:00:01Z"}"#), Self.binary("raw"),
            ]
        )
    }

    @Test func `All connections on all loops get the same, in the same order`() async throws {
        try await Loops.with(3) { loops in
            let ids = try await loops.connect(9)
            let parts = self.parts(loops.manager)
            var number = 0
            for _ in 0..<200 {
                let batch = (0..<Int.random(in: 1...8)).map { _ in
                    number += 1
                    return Self.envelope("\(number)")
                }
                parts.delivery.receive(batch)
            }
            for id in ids { #expect(await loops.frames(of: id, atLeast: number) == (1...number).map { Self.binary("\($0)") }) }
        }
    }

    // MARK: - One connection

    @Test func `A message for one reaches it alone, and is receipted as one`() async throws {
        try await Loops.with(3) { loops in
            let ids = try await loops.connect(6)
            let parts = self.parts(loops.manager)
            let wanted = PublicationID.random(on: Self.origin)
            parts.delivery.receive([Self.envelope("you", id: wanted, to: ids[4], wantsReceipt: true)])
            #expect(await loops.frames(of: ids[4]) == [Self.binary("you")])
            #expect(await eventually { parts.broker.published.count == 1 })
            #expect(parts.broker.published.first?.message == .receipts([Receipt(id: wanted, connections: 1)]))
            #expect(parts.broker.published.first?.topic == .node(Self.origin))
            for id in ids where id != ids[4] { #expect(loops.client(of: id)?.frames == []) }
        }
    }

    @Test func `A connection that is not here is receipted as none`() throws {
        let embedded = try Embedded()
        let parts = self.parts(embedded.manager)
        let ids = (0..<2).map { _ in PublicationID.random(on: Self.origin) }
        let nobody = ConnectionID.random(on: embedded.manager.node)
        let request = CloseRequest(id: ids[1], connection: nobody, code: .normal, reason: "")
        parts.delivery.receive([
            Self.envelope("x", id: ids[0], to: nobody, wantsReceipt: true),
            Envelope(origin: Self.origin, sequence: 2, message: .close(request)),
        ])
        embedded.loop.run()
        #expect(parts.broker.published.map(\.message) == ids.map { .receipts([Receipt(id: $0, connections: 0)]) })
    }

    @Test func `A close request closes its connection alone, and is always receipted`() throws {
        let embedded = try Embedded()
        let parts = self.parts(embedded.manager)
        let request = CloseRequest(
            id: .random(on: Self.origin),
            connection: embedded.sockets[1].connection.id,
            code: CloseCode(rawValue: 4000),
            reason: "go"
        )
        parts.delivery.receive([Envelope(origin: Self.origin, sequence: 1, message: .close(request))])
        embedded.loop.run()
        #expect(try embedded.sockets[0].sent() == [])
        #expect(try embedded.sockets[1].sent() == [.close(4000, "go")])
        #expect(parts.broker.published.map(\.message) == [.receipts([Receipt(id: request.id, connections: 1)])])
    }

    // MARK: - Receipts

    @Test func `A receipt counts the open connections of all loops, once`() async throws {
        try await Loops.with(3) { loops in
            let ids = try await loops.connect(7)
            #expect(await loops.manager.close(ids[0], code: .normal, reason: ""))
            let parts = self.parts(loops.manager)
            let wanted = PublicationID.random(on: Self.origin)
            parts.delivery.receive([Self.envelope("a"), Self.envelope("b", id: wanted, wantsReceipt: true), Self.envelope("c")])
            #expect(await eventually { !parts.broker.published.isEmpty })
            #expect(parts.broker.published.map(\.message) == [.receipts([Receipt(id: wanted, connections: 6)])])
        }
    }

    @Test func `Receipts of one batch travel together, at most 1000 in one envelope`() throws {
        let embedded = try Embedded(1)
        let parts = self.parts(embedded.manager)
        parts.delivery.receive((0..<1500).map { Self.envelope("\($0)", wantsReceipt: true) })
        embedded.loop.run()
        let sizes = parts.broker.published.map { published in
            guard case .receipts(let receipts) = published.message else { return -1 }
            return receipts.count
        }
        #expect(sizes == [1000, 500])
    }

    @Test func `What nobody wants a receipt for is not receipted`() throws {
        let embedded = try Embedded()
        let parts = self.parts(embedded.manager)
        parts.delivery.receive([Self.envelope("a"), Self.envelope("b", to: embedded.sockets[0].connection.id)])
        embedded.loop.run()
        #expect(parts.broker.published.isEmpty)
    }

    @Test func `A node's own publication is receipted without the broker`() async throws {
        try await Loops.with(2) { loops in
            _ = try await loops.connect(3)
            let parts = self.parts(loops.manager)
            let id = PublicationID.random(on: loops.manager.node)
            let answer = try await parts.receipts.collect(id, timeout: .seconds(10)) { completion in
                completion(.success(.relayed(receivers: 1)))
                parts.delivery.receive([Self.envelope("x", id: id, wantsReceipt: true)])
            }
            #expect(answer.receipts == [loops.manager.node: 3])
            #expect(parts.broker.published.isEmpty)
        }
    }

    @Test func `Receipts from other nodes reach whoever waits for them`() async throws {
        let manager = ConnectionManager(node: EmbeddedWebSocket.node, eventLoops: [], pingInterval: .seconds(30))
        let parts = self.parts(manager)
        let id = PublicationID.random(on: manager.node)
        let answer = try await parts.receipts.collect(id, timeout: .seconds(10)) { completion in
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
        let embedded = try Embedded(1)
        let parts = self.parts(embedded.manager)
        let dropped = try metrics.expectCounter("volary_publications_dropped")
        let before = dropped.totalValue
        let payload = String(repeating: "x", count: 16 * 1024 * 1024)
        let ids = (0..<6).map { _ in PublicationID.random(on: Self.origin) }
        for id in ids { parts.delivery.receive([Self.envelope(payload, id: id, wantsReceipt: true)]) }
        // Three and their frames' headers fit into 64 MiB; what comes after them does not, until the loop has run.
        #expect(dropped.totalValue - before == 3)
        #expect(parts.broker.published.map(\.message) == ids[3...].map { .receipts([Receipt(id: $0, connections: 0)]) })
        embedded.loop.run()
        #expect(embedded.sockets[0].wire.writes == 3)
        parts.delivery.receive([Self.envelope("small again")])
        embedded.loop.run()
        #expect(embedded.sockets[0].wire.writes == 4)
    }

    /// The process has one metrics system.
    private static let metrics: TestMetrics = {
        let metrics = TestMetrics()
        MetricsSystem.bootstrap(metrics)
        return metrics
    }()
}
