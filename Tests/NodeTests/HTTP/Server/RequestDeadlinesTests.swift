import NIOCore
import NIOEmbedded
import Testing

@testable import VolaryNode

/// The timeouts of a request.
@Suite
struct RequestDeadlinesTests {
    private static let post = "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n"

    private func server() throws -> EmbeddedServer {
        var settings = EmbeddedServer.settings
        settings.bodyTimeout = .seconds(30)
        settings.answerTimeout = .seconds(20)
        return try EmbeddedServer(settings: settings)
    }

    @Test func `A body that is whole in time is taken`() throws {
        let server = try self.server()
        server.receive(Self.post)
        server.advance(.seconds(15))
        server.receive("ab")
        server.advance(.seconds(15) - .nanoseconds(1))
        server.receive("c")
        #expect(server.events.last == .end)
        server.advance(.hours(1))
        #expect(!server.wire.isClosed)
        #expect(server.errors == 0)
    }

    @Test(arguments: ["", "a", "ab"])
    func `A body that is not whole in time fails its request, byte by byte or not at all`(begun: String) throws {
        let server = try self.server()
        server.receive(Self.post + begun)
        server.advance(.seconds(30) - .nanoseconds(1))
        #expect(server.errors == 0)
        server.advance(.nanoseconds(1))
        #expect(server.errors == 1)
        server.receive("c")
        #expect(!server.events.contains(.end), "nothing of it counts any more")
    }

    @Test func `Each request has its own time`() throws {
        let server = try self.server()
        for _ in 0..<5 {
            server.receive(Self.post)
            server.advance(.seconds(29))
            server.receive("abc")
        }
        #expect(server.events.count { $0 == .end } == 5)
        #expect(server.errors == 0)
    }

    @Test func `A client that does not read its answer is cut, one that reads in time is not`() throws {
        let server = try self.server()
        server.receive("GET /a HTTP/1.1\r\nHost: h\r\n\r\n")
        for _ in 0..<3 {
            server.channel.isWritable = false
            server.channel.pipeline.fireChannelWritabilityChanged()
            server.advance(.seconds(20) - .nanoseconds(1))
            server.channel.isWritable = true
            server.channel.pipeline.fireChannelWritabilityChanged()
            server.advance(.seconds(20))
        }
        #expect(!server.wire.isClosed)
        server.channel.isWritable = false
        server.channel.pipeline.fireChannelWritabilityChanged()
        server.advance(.seconds(20))
        #expect(server.wire.isClosed)
    }

    @Test func `A WebSocket has none of these times`() throws {
        let server = try self.server()
        server.receive(
            "GET /ws HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        server.channel.isWritable = false
        server.channel.pipeline.fireChannelWritabilityChanged()
        server.advance(.hours(1))
        #expect(!server.wire.isClosed)
    }
}
