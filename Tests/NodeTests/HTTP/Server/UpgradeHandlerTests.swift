import Foundation
import NIOConcurrencyHelpers
import NIOCore
import NIOEmbedded
import NIOExtras
import TestSupport
import Testing
import VolaryProtocol

@testable import VolaryNode

/// The decision of an accepted socket between HTTP and WebSocket.
@Suite
struct UpgradeHandlerTests {
    private static func handshake(_ target: String = "/ws", method: String = "GET", _ more: String = "") -> String {
        "\(method) \(target) HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\(more)\r\n"
    }

    private struct Answer {
        let status: String
        let headers: [String: String]
        var rest: ByteBuffer

        var problem: String? {
            let object = try? JSONSerialization.jsonObject(with: Data(self.rest.readableBytesView)) as? [String: Any]
            return (object?["type"] as? String)?.replacingOccurrences(of: "urn:volary:problem:", with: "")
        }
    }

    private func answer(_ server: EmbeddedServer) throws -> Answer {
        var bytes = try server.sent()
        let text = String(decoding: bytes.readableBytesView, as: UTF8.self)
        let end = try #require(text.range(of: "\r\n\r\n"))
        let lines = text[..<end.lowerBound].components(separatedBy: "\r\n")
        bytes.moveReaderIndex(forwardBy: text.utf8.distance(from: text.startIndex, to: end.upperBound))
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1)
            headers[parts[0].lowercased()] = parts[1].trimmingCharacters(in: .whitespaces)
        }
        return Answer(status: lines[0], headers: headers, rest: bytes)
    }

    // MARK: - WebSocket

    @Test(arguments: [("/ws", Endpoint.plain), ("/echo", .echo), ("/ws/", .plain), ("/echo/?a", .echo)])
    func `A good handshake is answered with 101, and the socket is a WebSocket`(
        path: String,
        endpoint: Endpoint
    ) throws {
        let server = try EmbeddedServer()
        server.receive(Self.handshake(path))
        #expect(server.events == [.opened(endpoint)])
        #expect(server.outcomes == [.webSocket])
        let answer = try self.answer(server)
        #expect(answer.status == "HTTP/1.1 101 Switching Protocols")
        #expect(answer.headers["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
        #expect(answer.rest.readableBytes == 0)
        server.receive(ClientFrame.text("Hello!"))
        #expect(server.events == [.opened(endpoint), .text("Hello!")])
    }

    /// On an embedded channel the WebSocket's bytes go through the channel, as with TLS.
    @Test func `A message that is sent when the WebSocket opens follows the answer`() throws {
        let server = try EmbeddedServer(greeting: "Hello!")
        server.receive(Self.handshake())
        let answer = try self.answer(server)
        #expect(answer.status == "HTTP/1.1 101 Switching Protocols")
        #expect(Array(answer.rest.readableBytesView) == [0x81, 6] + Array("Hello!".utf8))
    }

    @Test(arguments: ["http://h/ws", "HTTPS://h:443/ws?x", "http://[::1]:8080/ws"])
    func `The target may be a whole URI, as section 4_2_1 has it`(target: String) throws {
        let server = try EmbeddedServer()
        server.receive(Self.handshake(target))
        #expect(server.events == [.opened(.plain)])
        #expect(try self.answer(server).status == "HTTP/1.1 101 Switching Protocols")
    }

    @Test(arguments: [true, false])
    func `Handshake and first frames may be split at every byte`(runs: Bool) async throws {
        let bytes = Array(Self.handshake().utf8) + ClientFrame.text("one") + ClientFrame.text("two")
        var splits = (0...bytes.count).map { [Array(bytes[..<$0]), Array(bytes[$0...])] }
        splits.append(bytes.map { [$0] })
        for parts in splits {
            await Task.yield()
            let server = try EmbeddedServer()
            for part in parts where !part.isEmpty { server.receive(part, runs: runs) }
            server.channel.embeddedEventLoop.run()
            var answer = try self.answer(server)
            let frames = ServerFrame.read(&answer.rest)
            guard server.events == [.opened(.plain), .text("one"), .text("two")], frames == [.text("one"), .text("two")] else {
                Issue.record("parts of \(parts.map(\.count)) gave \(server.events), \(frames)")
                return
            }
        }
    }

    @Test func `A WebSocket is not cut when the time for the handshake is up`() throws {
        let server = try EmbeddedServer()
        server.receive(Self.handshake())
        server.advance(.seconds(60))
        #expect(!server.wire.isClosed)
    }

    @Test func `After the upgrade no part of HTTP is left`() throws {
        let server = try EmbeddedServer()
        server.receive(Self.handshake())
        for _ in 0..<3 { server.receive("GET /api/connections HTTP/1.1\r\n\r\n") }
        #expect(server.events == [.opened(.plain)])
        #expect(throws: (any Error).self) { try server.channel.pipeline.syncOperations.handler(type: UpgradeHandler.self) }
    }

    // MARK: - Extensions

    private static let agreement = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"

    @Test(arguments: [
        (true, "permessage-deflate", Self.agreement), (true, "foo, permessage-deflate; bad,permessage-deflate", Self.agreement),
        (true, "permessage-deflate; client_max_window_bits=9", "\(Self.agreement); client_max_window_bits=9"),
        (true, "permessage-deflate; bad", nil), (true, "foo", nil), (false, "permessage-deflate", nil),
    ])
    func `Compression is agreed on where it is switched on and offered`(isOn: Bool, offer: String, agreed: String?) throws {
        let server = try EmbeddedServer(compresses: isOn)
        server.receive(Self.handshake("/echo", "Sec-WebSocket-Extensions: \(offer)\r\n"))
        let answer = try self.answer(server)
        #expect(answer.status == "HTTP/1.1 101 Switching Protocols")
        #expect(answer.headers["sec-websocket-extensions"] == agreed)
        // Both kinds of frames are read as negotiated.
        server.receive(ClientFrame.frame(0x41, [0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00]))
        #expect(server.events == [.opened(.echo)] + (agreed == nil ? [] : [.text("Hello")]))
        var sent = try server.sent()
        #expect(
            ServerFrame.read(&sent).first
                == (agreed == nil ? .close(1002, ProtocolViolation.reservedBits.reason) : .text("Hello"))
        )
    }

    // MARK: - Refusals

    @Test(arguments: [
        (Self.handshake("/nowhere"), "404 Not Found", "unknown-path"),
        (Self.handshake(method: "POST"), "400 Bad Request", "not-a-websocket"),
        (Self.handshake().replacing("Version: 13", with: "Version: 8"), "426 Upgrade Required", "unsupported-websocket-version"),
        (Self.handshake().replacing("==", with: ""), "400 Bad Request", "bad-websocket-key"),
        (Self.handshake("/ws", "Sec-WebSocket-Extensions: a;\r\n"), "400 Bad Request", "bad-websocket-extensions"),
        (Self.handshake(method: "GET", "Content-Length: 3\r\n") + "abc", "400 Bad Request", "not-a-websocket"),
        (
            Self.handshake(method: "GET", "Transfer-Encoding: chunked\r\n") + "1\r\na\r\n0\r\n\r\n", "400 Bad Request",
            "not-a-websocket"
        ),
        (Self.handshake().replacing("Connection: Upgrade", with: "Connection: close"), "400 Bad Request", "not-a-websocket"),
    ])
    func `A refused handshake is answered with a problem, and the socket ends`(
        request: String,
        status: String,
        problem: String
    ) throws {
        let server = try EmbeddedServer()
        server.receive(request)
        let answer = try self.answer(server)
        #expect(answer.status == "HTTP/1.1 \(status)")
        #expect(answer.headers["content-type"] == "application/problem+json")
        #expect(answer.headers["content-length"] == "\(answer.rest.readableBytes)")
        #expect(answer.headers["connection"] == "close")
        #expect(answer.problem == problem)
        #expect(server.outcomes.isEmpty)
        #expect(server.wire.outputIsClosed)
        #expect(!server.wire.isClosed, "what is unread would reset the socket, and the answer with it")
        server.advance(.seconds(2))
        #expect(server.wire.isClosed)
    }

    @Test(arguments: [
        (Self.handshake("/nowhere"), "unknown-path"),
        (Self.handshake(method: "GET", "Content-Length: 3\r\n") + "abc", "not-a-websocket"),
        (Self.handshake("/nowhere", method: "POST", "Content-Length: 3\r\n") + "abc", "unknown-path"),
    ])
    func `What follows a refused handshake is not read`(request: String, problem: String) throws {
        let smuggled = "GET /api/connections HTTP/1.1\r\nHost: h\r\n\r\n"
        let server = try EmbeddedServer()
        server.receive(request + smuggled)
        server.receive(smuggled)
        let answer = try self.answer(server)
        #expect(answer.problem == problem)
        #expect(server.events.isEmpty)
        #expect(try server.sent().readableBytes == 0)
    }

    @Test(arguments: ["Content-Length: 3\r\n", "Content-Length: 99999999999999999\r\n", "Transfer-Encoding: chunked\r\n"])
    func `A handshake that declares a body is answered before the body arrives`(length: String) async throws {
        let answers = [
            (Self.handshake("/ws", length), "not-a-websocket"),
            (Self.handshake("/nowhere", length), "unknown-path"),
            (Self.handshake("/ws", method: "POST", length), "not-a-websocket"),
            (Self.handshake("/ws?user=a", length), "user-not-accepted"),
            (Self.handshake("/ws", length).replacing("Version: 13", with: "Version: 8"), "unsupported-websocket-version"),
        ]
        for (request, problem) in answers {
            await Task.yield()
            let server = try EmbeddedServer()
            server.receive(request)
            #expect(try self.answer(server).problem == problem)
            #expect(server.refusals.count == 1 && server.wire.outputIsClosed && !server.wire.isClosed)
            // What arrives after it is dropped, and does not prolong the time.
            for _ in 0..<8 { server.receive("3\r\nabc\r\n" + Self.handshake()) }
            #expect(server.waitingBytes == 0)
            server.advance(RequestReader.lingerTime)
            #expect(server.wire.isClosed)
            #expect(try server.sent().readableBytes == 0)
        }
    }

    @Test func `The timeout of a body behind a refusal does not keep the socket open`() throws {
        var settings = EmbeddedServer.settings
        settings.bodyTimeout = .seconds(1)
        let server = try EmbeddedServer(settings: settings)
        server.receive(Self.handshake("/ws", "Content-Length: 3\r\n"))
        server.advance(RequestReader.lingerTime)
        #expect(server.wire.isClosed)
    }

    @Test(arguments: ["0", "00"])
    func `A handshake that declares that it has no body is accepted`(length: String) throws {
        let server = try EmbeddedServer()
        server.receive(Self.handshake("/ws", "Content-Length: \(length)\r\n"))
        #expect(server.outcomes == [.webSocket])
    }

    @Test(
        arguments: [
            (Self.handshake("/nowhere"), RefusalReason.unknownPath), (Self.handshake(method: "POST"), .notAWebsocket),
            (Self.handshake().replacing("Version: 13", with: "Version: 8"), .unsupportedVersion),
            (Self.handshake().replacing("==", with: ""), .badKey),
            (Self.handshake("/ws", "Sec-WebSocket-Extensions: a;\r\n"), .badExtensions),
            (Self.handshake(method: "GET", "Content-Length: 3\r\n") + "abc", .notAWebsocket),
            (Self.handshake("/ws?user=a"), .userNotAccepted),
            (Self.handshake("/ws", "Origin: https://other.example\r\n"), .originNotAllowed),
        ]
    )
    func `Each refused handshake is told once, with its reason`(request: String, reason: RefusalReason) throws {
        let server = try EmbeddedServer()
        server.receive(request)
        server.receive(request)
        for other in RefusalReason.allCases { #expect(server.refusals(other) == (other == reason ? 1 : 0)) }
        let good = try EmbeddedServer()
        good.receive(Self.handshake())
        for other in RefusalReason.allCases { #expect(good.refusals(other) == 0) }
    }

    @Test func `A HEAD request is refused without a body`() throws {
        let server = try EmbeddedServer()
        server.receive(Self.handshake(method: "HEAD"))
        let answer = try self.answer(server)
        #expect(answer.status == "HTTP/1.1 400 Bad Request")
        #expect(answer.rest.readableBytes == 0)
    }

    @Test func `A node that drains refuses WebSockets, and answers HTTP`() throws {
        let refusing = try EmbeddedServer(phase: .draining)
        refusing.receive(Self.handshake())
        let answer = try self.answer(refusing)
        #expect(answer.status == "HTTP/1.1 503 Service Unavailable")
        #expect(answer.headers["retry-after"] == "1")
        #expect(answer.problem == "draining")
        let answering = try EmbeddedServer(phase: .draining)
        answering.receive("GET /livez HTTP/1.1\r\nHost: h\r\n\r\n")
        #expect(answering.outcomes == [.http])
    }

    // MARK: - HTTP

    @Test func `A plain request is HTTP, and so is all that follows`() throws {
        let server = try EmbeddedServer()
        server.receive("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi" + "GET /b HTTP/1.1\r\nHost: h\r\n\r\n")
        #expect(server.outcomes == [.http])
        #expect(
            server.events == [
                .head("POST /a", upgrade: [], connection: []), .body("hi"), .end, .head("GET /b", upgrade: [], connection: []),
                .end,
            ]
        )
        server.advance(.seconds(60))
        #expect(!server.wire.isClosed, "HTTP keeps its own time")
    }

    @Test func `Another upgrade falls through to HTTP without its header, and is the last of its connection`() throws {
        let server = try EmbeddedServer()
        server.receive(
            "GET /a HTTP/1.1\r\nHost: h\r\nUpgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AA\r\n\r\n"
        )
        #expect(server.outcomes == [.http])
        #expect(server.events == [.head("GET /a", upgrade: [], connection: ["close"]), .end])
    }

    // MARK: - Sockets that say nothing, or nonsense

    @Test(arguments: ["", "GET /ws HT", "GET /ws HTTP/1.1\r\nHost: h\r\nUpgr"])
    func `A socket without a whole head is cut when its time is up`(start: String) throws {
        let server = try EmbeddedServer()
        server.receive(start)
        server.advance(.milliseconds(9999))
        #expect(!server.wire.isClosed)
        server.advance(.milliseconds(1))
        #expect(server.wire.isClosed)
        #expect(server.outcomes.isEmpty)
    }

    @Test(arguments: ["", "GET /ws HT", Self.handshake("/nowhere")])
    func `A server that stops does not wait for sockets that say nothing`(start: String) throws {
        let server = try EmbeddedServer()
        server.receive(start)
        server.channel.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent())
        server.channel.embeddedEventLoop.run()
        #expect(server.wire.isClosed)
        #expect(server.outcomes.isEmpty)
    }

    @Test func `A socket that ends before its head is closed`() throws {
        let server = try EmbeddedServer()
        server.receive("GET /ws HT")
        server.channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        server.channel.embeddedEventLoop.run()
        #expect(server.wire.isClosed)
        #expect(server.outcomes.isEmpty)
    }

    @Test(arguments: ["\0\0\0\0\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "GET /ws HTTP/1.1\r\nBad Header: x\r\n\r\n"])
    func `Nonsense does not become a WebSocket, and the socket ends in its time`(bytes: String) throws {
        let server = try EmbeddedServer()
        server.receive(bytes)
        server.advance(.seconds(10))
        #expect(server.wire.isClosed)
        #expect(server.outcomes.isEmpty)
        #expect(server.events.isEmpty)
    }
}
