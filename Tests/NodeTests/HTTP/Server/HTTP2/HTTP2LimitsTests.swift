import Foundation
import NIOCore
import NIOHTTP2
import TestSupport
import Testing
import VolaryProtocol

@testable import VolaryNode

/// The limits of a node, its access rules and its timeouts, for streams.
@Suite(.timeLimit(.minutes(2)))
struct HTTP2LimitsTests {
    // MARK: - Numbers

    @Test func `Each WebSocket counts as a connection, and the socket as one`() async throws {
        try await HTTP2Node.with([.maximumConnections: "4"]) { client, _ in
            var streams: [HTTP2TestStream] = []
            for _ in 0..<3 { streams.append(try await client.webSocket()) }
            let over = try await client.connect()
            #expect(await eventually { over.reset == .noError })
            #expect(over.status == 503)
            #expect(over.problem == "too-many-connections")
            try await streams[0].reset()
            #expect(await eventually { (try? await client.webSocket()) != nil })
            // A request is answered in the reserve.
            #expect(try await client.request("GET", "/livez").status == 200)
        }
    }

    @Test func `So it does for the limit of an address`() async throws {
        try await HTTP2Node.with([.maximumConnectionsPerAddress: "3"]) { client, _ in
            let streams = [try await client.webSocket(), try await client.webSocket()]
            let over = try await client.connect()
            #expect(await eventually { over.reset == .noError })
            #expect(over.status == 429)
            #expect(over.problem == "too-many-from-address")
            try await streams[1].send(ClientFrame.close(1000), ends: true)
            #expect(await eventually { (try? await client.webSocket()) != nil })
            #expect(!streams[0].isOver)
        }
    }

    @Test func `Behind a trusted proxy each stream is counted by its own client`() async throws {
        let options: [ConfigurationOption: String] = [.maximumConnectionsPerAddress: "1", .trustedProxies: "127.0.0.1"]
        try await HTTP2Node.with(options) { client, _ in
            for number in 1...5 { _ = try await client.webSocket("/echo", [("x-forwarded-for", "192.0.2.\(number)")]) }
            let over = try await client.connect("/echo", [("sec-websocket-version", "13"), ("x-forwarded-for", "192.0.2.3")])
            #expect(await eventually { over.status == 429 })
            let bad = try await client.connect("/echo", [("sec-websocket-version", "13"), ("x-forwarded-for", "nobody")])
            #expect(await eventually { bad.problem == "bad-forwarding" })
            #expect(bad.status == 400)
        }
    }

    @Test func `A socket over the limit of its address gets an answer to each request, and its refusals are counted`()
        async throws
    {
        // Two, because the node may still count a connection of its start.
        try await HTTP2Node.with([.maximumConnectionsPerAddress: "2"]) { within, node in
            let last = try await HTTP2TestClient.connect(port: node.port)
            let over = try await HTTP2TestClient.connect(port: node.port)
            for (method, hasBody) in [("GET", true), ("HEAD", false)] {
                let answer = try await over.send(method, "/livez")
                #expect(await eventually(within: .seconds(5)) { answer.hasEnd })
                #expect(answer.status == 429)
                #expect((answer.bytes > 0) == hasBody)
            }
            await over.close()
            await last.close()
            let metrics = try await within.request("GET", "/metrics").body
            #expect(metrics.contains("volary_handshakes_refused_total{reason=\"too-many-from-address\"} 2\n"))
        }
    }

    @Test func `A stream above the maximum ends the connection of a client that ignores it`() async throws {
        try await APITestNode.with([.http2: "on", .maximumStreams: "2"]) { node in
            let client = try await HTTP2Node.raw(port: node.port)
            try await client.send(bytes: HTTP2Bytes.connect(stream: 1) + HTTP2Bytes.connect(stream: 3))
            #expect(await eventually { client.frames.count { $0.kind == HTTP2Bytes.Kind.headers.rawValue } == 2 })
            try await client.send(bytes: HTTP2Bytes.connect(stream: 5))
            #expect(await eventually { client.isEnded || !client.codes(.resetStream).isEmpty })
        }
    }

    @Test func `The maximum is announced, and a client that keeps to it waits for its turn`() async throws {
        try await HTTP2Node.with([.maximumStreams: "2"]) { client, _ in
            #expect(client.settings?[.maxConcurrentStreams] == 2)
            let streams = [try await client.webSocket(), try await client.webSocket()]
            let third = try await client.connect()
            try await streams[0].send(ClientFrame.close(1000), ends: true)
            #expect(await eventually { third.status == 200 })
            #expect(client.goAways.isEmpty)
        }
    }

    // MARK: - Access

    @Test func `A token opens a stream, ends it when it expires, and a wrong one is refused`() async throws {
        let file = try TemporaryFile(TestKeys.secret)
        try await HTTP2Node.with([.jwtKey: file.path]) { client, _ in
            let none = try await client.connect("/ws")
            #expect(await eventually { none.status == 401 })
            #expect(none[field: "www-authenticate"] != nil)
            let wrong = try await client.connect("/ws", [("sec-websocket-version", "13"), ("authorization", "Bearer x")])
            #expect(await eventually { wrong.status == 401 })
            let expiry = Date().timeIntervalSince1970 + 2
            let token = try await TestKeys.sign(TestClaims(sub: "alice", exp: expiry))
            // The check takes time, and frames that come meanwhile wait.
            let stream = try await client.connect("/ws", [("sec-websocket-version", "13"), ("authorization", "Bearer \(token)")])
            stream.begin(ClientFrame.ping("a"))
            #expect(await stream.frames(1) == [.pong(Array("a".utf8))])
            #expect(stream.status == 200)
            #expect(await eventually { if case .close? = stream.frames.last { true } else { false } })
            guard case .close(let code, let reason)? = stream.frames.last else { return }
            #expect(code == CloseCode.unauthorized.rawValue)
            #expect(reason == "the token has expired")
            try await stream.send(ClientFrame.close(1000), ends: true)
            #expect(await eventually { stream.hasEnd })
            #expect(stream.reset == nil)
        }
    }

    @Test func `Frames that come while a token is checked wait, in order, however many they are`() async throws {
        let file = try TemporaryFile(TestKeys.secret)
        try await HTTP2Node.with([.jwtKey: file.path]) { client, _ in
            let token = try await TestKeys.sign(TestClaims(sub: "alice", exp: Date().timeIntervalSince1970 + 60))
            let fields = [("sec-websocket-version", "13"), ("authorization", "Bearer \(token)")]
            let stream = try await client.connect("/echo", fields)
            // Fewer bytes than tiny frames are allowed.
            let texts = (0..<200).map { "\($0)" }
            for byte in texts.flatMap({ ClientFrame.text($0) }) { stream.begin([byte]) }
            #expect(await stream.frames(200) == texts.map { .text($0) })
        }
    }

    @Test func `A client that leaves while its token is checked, costs nothing`() async throws {
        let file = try TemporaryFile(TestKeys.secret)
        try await HTTP2Node.with([.jwtKey: file.path]) { client, node in
            let token = try await TestKeys.sign(TestClaims(sub: "alice", exp: Date().timeIntervalSince1970 + 60))
            for _ in 0..<20 {
                let stream = try await client.connect(
                    "/ws",
                    [("sec-websocket-version", "13"), ("authorization", "Bearer \(token)")]
                )
                try await stream.reset()
            }
            let stream = try await client.webSocket("/ws", [("authorization", "Bearer \(token)")])
            try await stream.send(ClientFrame.ping("a"))
            #expect(await stream.frames(1) == [.pong(Array("a".utf8))])
        }
    }

    // MARK: - Time

    @Test func `A connection without streams ends at the idle timeout, whether it ever had one or not`() async throws {
        try await APITestNode.with([.http2: "on", .idleTimeout: "3s"]) { node in
            let used = try await HTTP2TestClient.connect(port: node.port)
            #expect(try await used.request("GET", "/livez").status == 200)
            let never = try await HTTP2TestClient.connect(port: node.port)
            #expect(await eventually(within: .seconds(10)) { used.isEnded })
            #expect(await eventually(within: .seconds(10)) { never.isEnded })
            #expect(never.goAways.map(\.code) == [.noError, .noError])
        }
    }

    @Test func `A WebSocket keeps its connection beyond the idle timeout`() async throws {
        try await HTTP2Node.with([.idleTimeout: "3s"]) { client, _ in
            let stream = try await client.webSocket()
            #expect(await !eventually(within: .milliseconds(4500)) { client.isEnded || !client.goAways.isEmpty })
            try await stream.send(ClientFrame.text("x"))
            #expect(await stream.frames(1) == [.text("x")])
        }
    }

    @Test(arguments: [HTTP2Bytes.preface, HTTP2Bytes.preface + [0, 0, 0, 4], Array(HTTP2Bytes.preface.prefix(20))])
    func `A client that begins and sends no frame is closed at the handshake timeout`(bytes: [UInt8]) async throws {
        try await APITestNode.with([.http2: "on", .handshakeTimeout: "3s"]) { node in
            let client = try await RawTestClient.connect(port: node.port)
            try await client.send(bytes: bytes)
            #expect(await eventually(within: .seconds(10)) { client.isEnded })
        }
    }

    /// RFC 9113 section 6.8: such a connection would otherwise stay for as long as the client likes.
    @Test func `A client that does not acknowledge the end of its idle connection is closed nevertheless`() async throws {
        try await APITestNode.with([.http2: "on", .idleTimeout: "1s"]) { node in
            let client = try await HTTP2Node.raw(port: node.port)
            try await client.send(bytes: HTTP2Bytes.get(stream: 1, "/livez"))
            #expect(await eventually(within: .seconds(10)) { client.isEnded })
            #expect(client.frames.contains { $0.kind == HTTP2Bytes.Kind.goAway.rawValue })
        }
    }
}
