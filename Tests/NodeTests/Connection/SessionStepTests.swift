import NIOCore
import NIOEmbedded
import TestSupport
import Testing
import VolaryProtocol

@testable import VolaryNode

/// Messages with several parts: their order, and the limits of a client for each part.
@Suite
struct SessionStepTests {
    private static let endpoint = Endpoint.plain(
        ClosureApplication(),
        precision: .seconds,
        more: [(NumberedProtocol.subprotocol, NumberedProtocol())]
    )

    private func socket(
        finishes: Bool = true,
        echoes: Bool = false,
        manager: ConnectionManager? = nil,
        loop: EmbeddedEventLoop = EmbeddedEventLoop(),
        bounds: ConnectionLimits = ConnectionLimits()
    ) throws -> EmbeddedWebSocket {
        try EmbeddedWebSocket(
            maximumMessageBytes: 65_536,
            endpoint: Self.endpoint,
            offers: [NumberedProtocol.subprotocol],
            finishes: finishes,
            echoes: echoes,
            manager: manager,
            loop: loop,
            bounds: bounds
        )
    }

    /// One message with numbered lines.
    private static func lines(_ numbers: Range<Int>) -> [UInt8] {
        ClientFrame.text(numbers.map { "\($0) \($0)" }.joined(separator: "\n"))
    }

    // MARK: - Order

    @Test func `Replies of the session keep their place among the results of actions, and leave with them in one write`() throws {
        let socket = try self.socket(echoes: true)
        socket.receive(ClientFrame.text("1 a\n?\n\n2 b") + ClientFrame.text("?"))
        let identity = ServerFrame.text("you \(socket.connection.id) - /ws numbered.toy.v1")
        #expect(try socket.sent() == [.text("a"), .text("ok 1"), identity, .text("b"), .text("ok 2"), identity])
        #expect(socket.wire.writes == 1)
    }

    @Test func `A reply does not wait for an action before it that is unfinished`() throws {
        let socket = try self.socket(finishes: false)
        socket.receive(ClientFrame.text("1 a\n?"))
        let identity = ServerFrame.text("you \(socket.connection.id) - /ws numbered.toy.v1")
        #expect(try socket.sent() == [identity])
        socket.finish(1)
        #expect(try socket.sent() == [.text("ok 1")])
    }

    @Test func `A part that waits for a result is read after it, once, and later parts and messages after that`() throws {
        let socket = try self.socket(finishes: false, bounds: ConnectionLimits(messagesPerSecond: 2, overRate: .drop))
        socket.receive(ClientFrame.text("1 a\n1 b") + ClientFrame.text("?"))
        #expect(socket.messages == ["a"])
        #expect(try socket.sent().isEmpty)
        socket.finish(1)
        #expect(socket.messages == ["a", "b"])
        let identity = ServerFrame.text("you \(socket.connection.id) - /ws numbered.toy.v1")
        #expect(try socket.sent() == [.text("ok 1"), identity])
        socket.finish(1)
        #expect(try socket.sent() == [.text("ok 1")])
    }

    @Test func `Replies of the session keep their place among publications`() throws {
        let embedded = try DeliveryHarness.Embedded([(nil, NumberedProtocol.subprotocol)], endpoint: Self.endpoint)
        let parts = DeliveryHarness.parts(embedded.manager)
        let socket = embedded.sockets[0]
        for text in ["a", "b"] {
            parts.delivery.receive([DeliveryHarness.envelope(text, as: .text)])
            embedded.loop.run()
            socket.receive(ClientFrame.text("?\n7 x"))
        }
        let own = [ServerFrame.text("you \(socket.connection.id) - /ws numbered.toy.v1"), .text("ok 7")]
        #expect(try socket.sent() == [.text("a #0000000001")] + own + [.text("b #0000000002")] + own)
    }

    // MARK: - Limits

    @Test func `A message with more than 64 unfinished actions waits for its rest, and the next message waits for both`() throws {
        let socket = try self.socket(finishes: false)
        socket.receive(Self.lines(0..<200) + ClientFrame.text("200 200"))
        socket.channel.pipeline.read()
        #expect(socket.messages == (0..<64).map(String.init))
        #expect(socket.wire.reads == 0)
        socket.receive(ClientFrame.text("201 201"))
        for (unfinished, handled) in [(32, 96), (32, 128), (64, 192), (64, 202)] {
            #expect(socket.wire.reads == 0)
            socket.finish(unfinished)
            #expect(socket.messages == (0..<handled).map(String.init))
        }
        #expect(socket.wire.reads == 1)
    }

    @Test func `The parts of one message have at most 64 unfinished actions during the closing handshake, too`() throws {
        let socket = try self.socket(finishes: false)
        socket.connection.close(code: .normal, reason: "")
        socket.receive(Self.lines(0..<100) + ClientFrame.close(1000))
        for (unfinished, handled) in [(0, 64), (32, 96), (64, 100)] {
            socket.finish(unfinished)
            #expect(socket.messages == (0..<handled).map(String.init))
            #expect(socket.wire.outputIsClosed == (handled == 100))
        }
    }

    @Test func `A message with thousands of parts takes several turns, and a neighbor does not wait for them`() throws {
        let loop = EmbeddedEventLoop()
        let manager = EmbeddedWebSocket.manager(on: loop)
        let socket = try self.socket(manager: manager, loop: loop)
        let neighbor = try self.socket(manager: manager, loop: loop)
        socket.channel.pipeline.read()
        socket.receive(Self.lines(0..<2000) + ClientFrame.text("2000 2000"))
        socket.channel.pipeline.read()
        #expect((1...TurnBudget.frames).contains(socket.messages.count))
        #expect(socket.wire.reads == 1)
        neighbor.receive(ClientFrame.text("1 x"))
        #expect(try neighbor.sent() == [.text("ok 1")])
        loop.advanceTime(by: .seconds(1))
        #expect(socket.messages == (0...2000).map(String.init))
        #expect(try socket.sent() == (0...2000).map { .text("ok \($0)") })
        #expect(socket.wire.reads == 2)
    }

    @Test func `Also parts without an action cost a turn, and replies stop while the client does not read`() throws {
        let socket = try self.socket()
        socket.receive(ClientFrame.text(String(repeating: "\n", count: 5000) + "1 x"))
        #expect(socket.messages.isEmpty)
        socket.advance(.seconds(1))
        #expect(socket.messages == ["x"])
        #expect(try socket.sent() == [.text("ok 1")])
        // The replies of a turn are written at its end.
        socket.wire.onWrite = { [unowned socket] in socket.setWritable(false) }
        socket.receive(ClientFrame.text(Array(repeating: "?", count: 5000).joined(separator: "\n")))
        socket.advance(.seconds(1))
        let first = try socket.sent().count
        #expect((1...TurnBudget.frames).contains(first))
        socket.wire.onWrite = {}
        socket.setWritable(true)
        socket.advance(.seconds(1))
        #expect(try socket.sent().count == 5000 - first)
    }

    @Test func `Each part counts for the rate, and the parts above it are dropped`() throws {
        let socket = try self.socket(bounds: ConnectionLimits(messagesPerSecond: 10, overRate: .drop))
        socket.receive(Self.lines(0..<30))
        #expect(socket.messages == (0..<10).map(String.init))
        #expect(socket.events.filter { $0 == .dropped(first: true) }.count == 1)
        #expect(socket.events.filter { $0 == .dropped(first: false) }.count == 19)
        socket.advance(.seconds(1))
        socket.receive(ClientFrame.text("30 30"))
        #expect(socket.messages.last == "30")
    }

    @Test func `A part above the rate closes the connection, and nothing after it is handled`() throws {
        let socket = try self.socket(bounds: ConnectionLimits(messagesPerSecond: 10, overRate: .close))
        socket.receive(Self.lines(0..<30) + ClientFrame.text("30 30"))
        #expect(socket.messages == (0..<10).map(String.init))
        let reason = ProtocolViolation.tooFast.reason
        #expect(try socket.sent().suffix(2) == [.text("bye 1008 \(reason)"), .close(1008, reason)])
    }

    // MARK: - A client that is gone

    @Test func `The rest of a message of a client that is gone is handled, within the limits`() throws {
        let socket = try self.socket(finishes: false)
        socket.receive(Self.lines(0..<100))
        socket.channel.close(promise: nil)
        #expect(socket.messages.count == 64)
        socket.finish(64)
        #expect(socket.messages == (0..<100).map(String.init))
        #expect(socket.events.last == .closed)
    }

    @Test func `The rest of a message of a client that is gone is dropped when its connection is cut`() throws {
        let socket = try self.socket(finishes: false)
        socket.receive(Self.lines(0..<100))
        socket.channel.close(promise: nil)
        #expect(socket.connection.hasLeftovers)
        socket.connection.close(.cut)
        #expect(socket.events.suffix(2) == [.goneUnread, .closed])
        socket.finish(64)
        #expect(socket.messages.count == 64)
    }
}
