import NIOCore
import NIOEmbedded
import TestSupport
import Testing
import VolaryBackplane
import VolaryProtocol

@testable import VolaryNode

/// Fan-outs that are too long for one turn of their event loop.
@Suite
struct PartialFanOutTests {
    /// Four of them are more than a turn.
    private static let large = String(repeating: "x", count: 300_000)

    private static func writes(_ embedded: DeliveryHarness.Embedded) -> [Int] { embedded.sockets.map(\.wire.writes) }

    private static func reached(_ embedded: DeliveryHarness.Embedded) -> Int { Self.writes(embedded).count { $0 > 0 } }

    @Test func `A large publication for many leaves in turns of a mebibyte, and clients are answered between them`() throws {
        let embedded = try DeliveryHarness.Embedded(10)
        let neighbor = try EmbeddedWebSocket(echoes: true, manager: embedded.manager, loop: embedded.loop)
        let parts = DeliveryHarness.parts(embedded.manager)
        parts.delivery.receive([DeliveryHarness.envelope(Self.large)])
        embedded.loop.run()
        #expect((3...4).contains(Self.reached(embedded)))
        neighbor.receive(ClientFrame.text("hello"))
        #expect(try neighbor.sent().contains(.text("hello")))
        embedded.loop.advanceTime(by: TurnQueue.minimumPause)
        #expect((7...8).contains(Self.reached(embedded)))
        embedded.loop.advanceTime(by: TurnQueue.minimumPause)
        #expect(Self.writes(embedded) == Array(repeating: 1, count: 10))
        for socket in embedded.sockets { #expect(try socket.sent() == [DeliveryHarness.binary(Self.large)]) }
    }

    @Test func `What comes later arrives later, at each client, also what is for one of them only or comes between two turns`()
        throws
    {
        let embedded = try DeliveryHarness.Embedded(10)
        let parts = DeliveryHarness.parts(embedded.manager)
        let last = embedded.sockets[9].connection.id
        parts.delivery.receive([DeliveryHarness.envelope("before")])
        parts.delivery.receive([DeliveryHarness.envelope(Self.large)])
        parts.delivery.receive([DeliveryHarness.envelope("one", to: .connection(last))])
        embedded.loop.run()
        parts.delivery.receive([DeliveryHarness.envelope("meanwhile")])
        parts.delivery.receive([DeliveryHarness.envelope(Self.large)])
        parts.delivery.receive([DeliveryHarness.envelope("after")])
        embedded.loop.run()
        #expect(embedded.sockets[9].wire.writes == 1)
        embedded.loop.advanceTime(by: .seconds(1))
        for (number, socket) in embedded.sockets.enumerated() {
            let one = number == 9 ? ["one"] : []
            let expected = (["before", Self.large] + one + ["meanwhile", Self.large, "after"]).map(DeliveryHarness.binary)
            #expect(try socket.sent() == expected, "\(number)")
        }
    }

    @Test func `A member that leaves between two turns gets nothing, and the receipt counts the others, at the end`() throws {
        let embedded = try DeliveryHarness.Embedded(10)
        let parts = DeliveryHarness.parts(embedded.manager)
        let shard = embedded.manager.shards[0]
        let group = try #require(AudienceName("g"))
        for socket in embedded.sockets { shard.join(socket.connection, group) }
        let ids = (0..<2).map { _ in PublicationID.random(on: DeliveryHarness.origin) }
        for (id, confirmation) in zip(ids, [Publication.Confirmation.routed, .written(milliseconds: 1000)]) {
            parts.delivery.receive([DeliveryHarness.envelope(Self.large, id: id, to: .group(group), confirmation: confirmation)])
        }
        embedded.loop.run()
        #expect(parts.broker.published.isEmpty)
        let later = embedded.sockets.filter { $0.wire.writes == 0 }
        #expect(later.count >= 6)
        shard.leave(later[0].connection, group)
        later[1].connection.close(code: .normal, reason: "")
        embedded.loop.advanceTime(by: .seconds(1))
        #expect(parts.broker.published.map(\.message) == ids.map { .receipts([Receipt(id: $0, connections: 8)]) })
        #expect(try later[0].sent() == [])
        #expect(try later[2].sent() == Array(repeating: DeliveryHarness.binary(Self.large), count: 2))
    }

    @Test func `Clients that are closed together get what has come before`() throws {
        let embedded = try DeliveryHarness.Embedded(10)
        DeliveryHarness.parts(embedded.manager).delivery.receive([DeliveryHarness.envelope(Self.large)])
        embedded.loop.run()
        #expect(Self.reached(embedded) < 10)
        let closed = embedded.manager.shards[0].inOrder { shard in
            let all = Array(shard.all)
            for connection in all { connection.close(code: .serviceRestart, reason: "") }
            return all.count
        }
        embedded.loop.advanceTime(by: .seconds(1))
        #expect(try closed.wait() == 10)
        for socket in embedded.sockets { #expect(try socket.sent().first == DeliveryHarness.binary(Self.large)) }
    }

    @Test func `More than a thousand connections are more than a turn when each takes its time`() throws {
        let embedded = try DeliveryHarness.Embedded(1100)
        let parts = DeliveryHarness.parts(embedded.manager)
        var sent = 0
        for socket in embedded.sockets {
            socket.wire.onWrite = {
                sent += 1
                // After the run the embedded loop's clock has its value from before the run.
                if sent == 100 { embedded.loop.advanceTime(by: .milliseconds(2)) }
            }
        }
        parts.delivery.receive([DeliveryHarness.envelope("x")])
        embedded.loop.run()
        #expect((100..<200).contains(Self.reached(embedded)), "\(Self.reached(embedded))")
        embedded.loop.advanceTime(by: .seconds(1))
        #expect(Self.writes(embedded) == Array(repeating: 1, count: 1100))
    }

    @Test func `Deliveries come before turns of clients, which wait for 100 ms at most`() {
        let loop = EmbeddedEventLoop()
        let turns = TurnQueue(eventLoop: loop)
        var order: [String] = []
        var left = 4000
        turns.append { order.append("a") }
        turns.deliver {
            left -= 1
            return left == 0
        }
        loop.advanceTime(by: TurnQueue.minimumPause)
        #expect(left == 3999 && order.isEmpty)
        loop.advanceTime(by: TurnQueue.longestWait)
        #expect(order == ["a"] && left > 0)
        turns.append { order.append("b") }
        loop.advanceTime(by: .milliseconds(50))
        #expect(order == ["a"] && left > 0)
        loop.advanceTime(by: .milliseconds(100))
        #expect(order == ["a", "b"] && left > 0)
        loop.advanceTime(by: .seconds(1))
        #expect(left == 0)
        turns.append { order.append("c") }
        loop.advanceTime(by: TurnQueue.minimumPause)
        #expect(order.last == "c")
    }
}
