import Foundation
import NIOConcurrencyHelpers
import NIOCore
import NIOEmbedded
import NIOExtras
import TestSupport
import Testing
import VolaryProtocol

@testable import VolaryNode

/// A handshake on a connection that has served requests.
@Suite
struct QueuedHandshakeTests {
    private static let get = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n"
    private static let post = "POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi"

    private static func handshake(_ target: String = "/echo", _ more: String = "") -> String {
        "GET \(target) HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\(more)\r\n"
    }

    /// The status lines of the answers received, and the bytes after the last head.
    private func answers(_ server: EmbeddedServer) throws -> (statuses: [String], text: String) {
        let text = String(buffer: try server.sent())
        return (text.matches(of: #/HTTP/1\.1 (\d+) /#).map { String($0.1) }, text)
    }

    @Test(arguments: [Self.get, Self.post])
    func `Behind an answered request, it makes a WebSocket, and nothing of HTTP is left`(_ request: String) throws {
        let server = try EmbeddedServer()
        server.receive(request)
        server.answer("first")
        #expect(try self.answers(server).text.hasSuffix("\r\n\r\nfirst"))
        let pipeline = server.channel.pipeline.syncOperations
        weak let reader = try pipeline.handler(type: RequestReader.self)
        weak let upgrade = try pipeline.handler(type: UpgradeHandler.self)
        weak let errors = try pipeline.handler(type: HTTPErrorHandler.self)
        weak let deadlines = try pipeline.handler(type: RequestDeadlines.self)
        #expect(reader != nil && upgrade != nil && errors != nil && deadlines != nil)
        server.receive(Self.handshake())
        #expect(try self.answers(server).statuses == ["101"])
        #expect(server.outcomes == [.http, .webSocket])
        #expect(server.events.last == .opened(.echo))
        #expect(server.hasNoRouter)
        #expect(reader == nil && upgrade == nil && errors == nil && deadlines == nil)
        #expect(throws: (any Error).self) { try pipeline.handler(type: HalfCloseHandler.self) }
        server.receive(ClientFrame.text("Hello!"))
        #expect(server.events.last == .text("Hello!"))
        server.advance(.hours(1))
        #expect(!server.wire.isClosed)
    }

    @Test
    func `Behind requests in the same packet, it waits until the last of them is answered; frames behind it are read then`()
        throws
    {
        let server = try EmbeddedServer()
        server.receive(Array((Self.get + Self.post + Self.handshake()).utf8) + ClientFrame.text("Hello!"))
        #expect(
            server.events == [
                .head("GET /a", upgrade: [], connection: []), .end, .head("POST /b", upgrade: [], connection: []), .body("hi"),
                .end,
            ]
        )
        server.answer("first")
        #expect(try self.answers(server).statuses == ["200"])
        #expect(server.outcomes == [.http])
        server.answer("second")
        let text = String(decoding: Array(try server.sent().readableBytesView), as: UTF8.self)
        #expect(text.hasPrefix("HTTP/1.1 200 ") && text.contains("secondHTTP/1.1 101 ") && text.hasSuffix("Hello!"), "\(text)")
        #expect(server.events.suffix(2) == [.opened(.echo), .text("Hello!")])
    }

    @Test
    func `Requests, handshake and frames may be split at every byte`() async throws {
        let bytes = Array((Self.post + Self.handshake()).utf8) + ClientFrame.text("one") + ClientFrame.text("two")
        for cut in 0...bytes.count {
            await Task.yield()
            let server = try EmbeddedServer()
            server.receive(bytes[..<cut])
            let isAnswered = server.events.last == .end
            if isAnswered { server.answer() }
            server.receive(bytes[cut...])
            if !isAnswered { server.answer() }
            guard server.events.suffix(3) == [.opened(.echo), .text("one"), .text("two")] else {
                Issue.record("cut at \(cut): \(server.events)")
                return
            }
        }
    }

    @Test
    func `A body that nobody has read does not stand in its way`() throws {
        let server = try EmbeddedServer()
        server.receive("POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nhi")
        server.answer()
        server.receive("ho" + Self.handshake())
        #expect(try self.answers(server).statuses == ["200", "101"])
    }

    @Test(
        arguments: [
            (Self.handshake("/nowhere"), "404"), (Self.handshake().replacing("Version: 13", with: "Version: 8"), "426"),
            (Self.handshake("/echo", "Content-Length: 3\r\n") + "abc", "400"),
            (Self.handshake("/echo", "Origin: http://evil\r\n"), "403"),
            (Self.handshake("/echo", "Transfer-Encoding: chunked\r\n") + "zz\r\n", "400"),
            (Self.handshake().replacing("Connection: Upgrade\r\n", with: ""), "400"),
        ]
    )
    func `Refused, it is answered in its turn and is the end: nothing behind it is ever a request`(
        _ handshake: String,
        _ status: String
    ) throws {
        for isPipelined in [true, false] {
            let server = try EmbeddedServer()
            server.receive(Self.get + (isPipelined ? handshake + Self.post : ""))
            server.answer("first")
            if !isPipelined { server.receive(handshake + Self.post) }
            server.receive(Self.post)
            let (statuses, text) = try self.answers(server)
            #expect(statuses == ["200", status], "\(text)")
            #expect(text.components(separatedBy: "connection: close\r\n").count == 2, "\(text)")
            #expect(server.events == [.head("GET /a", upgrade: [], connection: []), .end])
            #expect(server.refusals.count == 1)
            #expect(server.wire.outputIsClosed && !server.wire.isClosed)
            #expect(server.waitingBytes == 0)
            server.advance(.seconds(2))
            #expect(server.wire.isClosed)
        }
    }

    @Test(arguments: ["Content-Length: 3\r\n", "Transfer-Encoding: chunked\r\n"])
    func `With a body that does not come, it is refused in its turn`(_ length: String) throws {
        for answersFirst in [true, false] {
            let server = try EmbeddedServer()
            server.receive(Self.get)
            if answersFirst { server.answer() }
            server.receive(Self.handshake("/echo", length))
            // The time of its body is up before its turn comes.
            if !answersFirst { server.advance(EmbeddedServer.settings.bodyTimeout) }
            if !answersFirst { server.answer() }
            #expect(try self.answers(server).statuses == ["200", "400"])
            #expect(server.outcomes == [.http])
            #expect(server.refusals == [.notAWebsocket])
            server.advance(RequestReader.lingerTime)
            #expect(server.wire.isClosed)
        }
    }

    @Test
    func `What counts is whether the node drains when its turn comes`() throws {
        let server = try EmbeddedServer()
        server.receive(Self.get + Self.handshake())
        server.phase.enter(.draining)
        server.channel.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent())
        server.answer()
        let (statuses, text) = try self.answers(server)
        #expect(statuses == ["200", "503"] && text.contains("urn:volary:problem:draining"))
    }

    @Test
    func `Behind a connection's last request, it is not answered`() throws {
        let server = try EmbeddedServer()
        server.receive("GET /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n" + Self.handshake())
        server.answer()
        #expect(try self.answers(server).statuses == ["200"])
        #expect(server.outcomes == [.http])
    }

    @Test
    func `Who ends its half behind it gets the answers, and no WebSocket`() throws {
        let server = try EmbeddedServer()
        server.receive(Self.get + Self.handshake())
        server.endInput()
        server.answer("first")
        let (statuses, text) = try self.answers(server)
        #expect(statuses == ["200"] && text.hasSuffix("first"))
        #expect(server.outcomes == [.http])
        #expect(!server.hasNoRouter, "it ends the connection when its answers are out")
    }

    // MARK: - Limits

    private static func forwarded(_ client: String) -> String { "X-Forwarded-For: \(client)\r\n" }

    @Test
    func `On a proxy's connection its own client is counted, once, whoever's requests came before`() throws {
        let admission = Admission(
            maximumConnections: 100,
            maximumPerAddress: 1,
            proxies: TrustedProxies(ranges: [try #require(AddressRange("10.0.0.0/8"))])
        )
        func open(_ client: String, on server: EmbeddedServer) throws -> [String] {
            for other in ["192.0.2.1", "192.0.2.2", "nonsense"] {
                server.receive("GET /a HTTP/1.1\r\nHost: h\r\n\(Self.forwarded(other))\r\n")
                server.answer()
            }
            server.receive(Self.handshake("/ws", Self.forwarded(client)))
            return try self.answers(server).statuses.filter { $0 != "200" }
        }
        func server() throws -> EmbeddedServer { try EmbeddedServer(admission: admission, peer: "10.0.0.1") }
        let first = try server()
        #expect(try open("192.0.2.1", on: first) == ["101"])
        #expect(try open("192.0.2.2", on: try server()) == ["101"])
        let refused = try server()
        #expect(try open("192.0.2.1", on: refused) == ["429"])
        #expect(refused.refusals == [.tooManyFromAddress])
        let garbled = try server()
        #expect(try open("nonsense", on: garbled) == ["400"])
        first.close()
        refused.close()
        garbled.close()
        #expect(try open("192.0.2.1", on: try server()) == ["101"])
        #expect(try open("192.0.2.1", on: try server()) == ["429"])
    }

    @Test
    func `A connection within the limit of all has a place for it, however many have come since`() throws {
        let admission = Admission(maximumConnections: 1)
        let first = try EmbeddedServer(admission: admission)
        first.receive(Self.get)
        first.answer()
        let second = try EmbeddedServer(admission: admission)
        second.receive(Self.get + Self.handshake())
        second.answer()
        #expect(try self.answers(second).statuses == ["200"], "its first request was its last")
        first.receive(Self.handshake())
        #expect(try self.answers(first).statuses == ["200", "101"])
        #expect(admission.open == 2)
        first.close()
        first.close()
        #expect(admission.open == 1)
    }
}
