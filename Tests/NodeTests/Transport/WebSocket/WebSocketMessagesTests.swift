import NIOCore
import NIOEmbedded
import TestSupport
import Testing
import VolaryBackplane
import VolaryProtocol

@testable import VolaryNode

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// Messages, pings and keep-alive of a WebSocket.
@Suite
struct WebSocketMessagesTests {
    // MARK: - Messages

    @Test func `A connection is known before its first frame is handled`() throws {
        let socket = try EmbeddedWebSocket()
        #expect(socket.events == [.opened])
        socket.receive(ClientFrame.text("Hello!"))
        #expect(socket.events == [.opened, .text("Hello!")])
        #expect(socket.connection.id.node == EmbeddedWebSocket.node)
        #expect(socket.connection.connectedAt == 1_781_330_401_000)
        #expect(socket.connection.shard.record(of: socket.connection).protocol == "plain")
    }

    @Test func `Text and binary come as what they are, whole or in fragments, in their order`() throws {
        let socket = try EmbeddedWebSocket()
        socket.receive(ClientFrame.text("é"), ClientFrame.binary([0, 255]), ClientFrame.text(""))
        socket.receive(ClientFrame.text("a", isFinal: false) + ClientFrame.continuation("b", isFinal: false))
        socket.receive(ClientFrame.continuation("c") + ClientFrame.binary([]))
        #expect(socket.events.dropFirst() == [.text("é"), .binary([0, 255]), .text(""), .text("abc"), .binary([])])
        #expect(try socket.sent() == [])
    }

    @Test func `A message may arrive byte by byte`() throws {
        let socket = try EmbeddedWebSocket()
        for byte in ClientFrame.text("Hello!") { socket.receive([byte]) }
        #expect(socket.events == [.opened, .text("Hello!")])
    }

    @Test func `What a server sends reaches the client at once`() throws {
        let socket = try EmbeddedWebSocket()
        #expect(socket.send("Hello!"))
        #expect(try socket.sent() == [.text("Hello!")])
    }

    // MARK: - Pings

    @Test func `A ping is answered with its own payload`() throws {
        let socket = try EmbeddedWebSocket()
        socket.receive(ClientFrame.ping("abc"), ClientFrame.ping())
        #expect(try socket.sent() == [.pong(Array("abc".utf8)), .pong([])])
        #expect(socket.events == [.opened])
    }

    @Test func `A ping in the middle of a message is answered before its end`() throws {
        let socket = try EmbeddedWebSocket()
        socket.receive(ClientFrame.text("a", isFinal: false) + ClientFrame.ping("p"))
        #expect(try socket.sent() == [.pong([112])])
        socket.receive(ClientFrame.continuation("b"))
        #expect(socket.events == [.opened, .text("ab")])
    }

    @Test func `A pong that nobody asked for does nothing`() throws {
        let socket = try EmbeddedWebSocket()
        socket.receive(ClientFrame.pong("x"))
        #expect(try socket.sent() == [])
        #expect(socket.connection.isOpen)
    }

    // MARK: - Keep-alive

    @Test func `The first ping comes in the second half of the interval, later ones an interval apart`() throws {
        let start = NIODeadline.uptimeNanoseconds(0)
        let socket = try EmbeddedWebSocket()
        socket.connection.keepAlive(now: start + .seconds(15) - .nanoseconds(1))
        #expect(try socket.sent() == [])
        let first = start + .seconds(30)
        socket.connection.keepAlive(now: first)
        #expect(try socket.sent() == [.ping([])])
        socket.receive(ClientFrame.pong())
        socket.connection.keepAlive(now: first + .seconds(30) - .nanoseconds(1))
        #expect(try socket.sent() == [])
        socket.connection.keepAlive(now: first + .seconds(30))
        #expect(try socket.sent() == [.ping([])])
        #expect(!socket.wire.isClosed)
    }

    @Test func `A client that showed no sign of life since the last ping is cut`() throws {
        let socket = try EmbeddedWebSocket()
        let first = NIODeadline.uptimeNanoseconds(0) + .seconds(30)
        socket.connection.keepAlive(now: first)
        #expect(!socket.wire.isClosed)
        socket.connection.keepAlive(now: first + .seconds(30))
        #expect(socket.wire.isClosed)
        #expect(socket.events == [.opened, .limitExceeded(.unresponsive), .closed])
        #expect(try socket.sent() == [.ping([])])
    }

    @Test(arguments: [
        ClientFrame.pong(), ClientFrame.ping(), ClientFrame.text("x"), [ClientFrame.text("half a frame")[0]],
    ])
    func `Any traffic is a sign of life`(bytes: [UInt8]) throws {
        let socket = try EmbeddedWebSocket()
        var now = NIODeadline.uptimeNanoseconds(0) + .seconds(30)
        for _ in 0..<3 {
            socket.connection.keepAlive(now: now)
            socket.receive(bytes)
            now = now + .seconds(30)
            guard socket.connection.isOpen else { break }
        }
        #expect(!socket.wire.isClosed)
    }

    @Test func `No ping follows our close frame`() throws {
        let socket = try EmbeddedWebSocket()
        socket.connection.close(code: .normal, reason: "")
        _ = try socket.sent()
        socket.connection.keepAlive(now: .uptimeNanoseconds(0) + .seconds(30))
        #expect(try socket.sent() == [])
    }

    // MARK: - The transport

    @Test func `A lost transport is told exactly once`() throws {
        let socket = try EmbeddedWebSocket()
        socket.channel.pipeline.fireErrorCaught(IOError(errnoCode: ECONNRESET, reason: "reset"))
        socket.channel.embeddedEventLoop.run()
        #expect(socket.events == [.opened, .closed])
        #expect(!socket.connection.isOpen)
        #expect(!socket.send("x"))
        socket.connection.close(code: .normal, reason: "")
        socket.connection.keepAlive(now: .distantFuture)
        #expect(try socket.sent() == [])
        #expect(socket.events == [.opened, .closed])
    }

    @Test func `What arrives after the transport has gone is nothing`() throws {
        let socket = try EmbeddedWebSocket()
        socket.channel.pipeline.fireChannelInactive()
        socket.receive(ClientFrame.text("x"))
        #expect(socket.events == [.opened, .closed])
    }

    @Test func `Messages that finish after the transport has gone do no harm`() throws {
        let socket = try EmbeddedWebSocket(finishes: false)
        socket.receive(ClientFrame.text("x"))
        socket.channel.pipeline.read()
        socket.channel.close(promise: nil)
        socket.channel.embeddedEventLoop.run()
        socket.finish(1)
        #expect(socket.events == [.opened, .text("x"), .closed])
    }
}
