import NIOCore
import NIOEmbedded
import TestSupport
import Testing
import VolaryProtocol

@testable import VolaryNode

/// The end of a connection in its client protocol, and the protocol's own ping.
@Suite
struct LastMessageTests {
    private func socket(maximumUnsentBytes: Int = 1000) throws -> EmbeddedWebSocket {
        try EmbeddedWebSocket(
            maximumUnsentBytes: maximumUnsentBytes,
            endpoint: Endpoint.plain(
                ClosureApplication(),
                precision: .seconds,
                more: [(NumberedProtocol.subprotocol, NumberedProtocol())]
            ),
            offers: [NumberedProtocol.subprotocol]
        )
    }

    @Test func `A session closes the connection after a last message, and nothing that the client sends later is handled`() throws
    {
        let socket = try self.socket()
        socket.receive(ClientFrame.text("1 a\nbye\n2 b") + ClientFrame.text("3 c"), ClientFrame.text("4 d"))
        #expect(try socket.sent() == [.text("ok 1"), .text("bye 1000 goodbye"), .close(1000, "goodbye")])
        #expect(socket.messages == ["a"])
        #expect(socket.wire.outputIsClosed)
    }

    @Test func `A violation has a last message, whether the session or the transport has found it`() throws {
        let malformed = try self.socket()
        malformed.receive(ClientFrame.text("x"))
        let reason = NumberedSession.malformed.reason
        #expect(try malformed.sent() == [.text("bye 1007 \(reason)"), .close(1007, reason)])
        let tooBig = try self.socket()
        tooBig.receive(ClientFrame.text(String(repeating: "x", count: 1025)))
        #expect(try tooBig.sent() == [.text("bye 1009 message is too big"), .close(1009, "message is too big")])
    }

    @Test func `A close of the node has a last message, once`() throws {
        let socket = try self.socket()
        for _ in 0..<2 { socket.connection.close(code: .serviceRestart, reason: "later") }
        #expect(try socket.sent() == [.text("bye 1012 later"), .close(1012, "later")])
        // Until its own close frame the client is still heard, but not answered.
        socket.receive(ClientFrame.text("1 a"))
        #expect(socket.messages == ["a"])
        socket.connection.close(.cut)
        #expect(try socket.sent() == [])
    }

    @Test func `A client that closes, or does not read, gets no last message`() throws {
        let closing = try self.socket()
        closing.receive(ClientFrame.close(1000))
        #expect(try closing.sent() == [.close(1000, "")])
        let slow = try self.socket(maximumUnsentBytes: 4)
        slow.wire.isStalled = true
        slow.setWritable(false)
        #expect(slow.send("first"))
        #expect(slow.send("more"))
        #expect(!slow.send("above"))
        slow.wire.isStalled = false
        slow.channel.flush()
        let frames = try slow.sent()
        #expect(frames.prefix(2) == [.text("first"), .text("more")])
        #expect(frames.count == 3)
        #expect(slow.events.filter { $0 == .limitExceeded(.unsentBytes) }.count == 1)
    }

    @Test func `A protocol's own ping leaves with each ping of the node`() throws {
        let socket = try self.socket()
        socket.advanceAndLook(.seconds(31))
        #expect(try socket.sent() == [.text("ping"), .ping([])])
        let plain = try EmbeddedWebSocket()
        plain.advanceAndLook(.seconds(31))
        #expect(try plain.sent() == [.ping([])])
    }
}
