import NIOCore
import NIOHTTP2
import TestSupport
import Testing

@testable import VolaryNode

/// WebSockets on streams of HTTP/2 (RFC 8441).
@Suite(.timeLimit(.minutes(2)))
struct HTTP2WebSocketTests {
    // MARK: - Handshakes

    @Test func `A handshake is answered with 200, and nothing that belongs to a connection`() async throws {
        try await HTTP2Node.with { client, _ in
            #expect(client.settings?[.enableConnectProtocol] == 1)
            let fields = [("sec-websocket-protocol", "a, volary"), ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")]
            let stream = try await client.webSocket("/ws", fields)
            #expect(stream[field: "sec-websocket-protocol"] == "volary")
            #expect(stream[field: "sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
            for name in ["connection", "upgrade", "content-length", "transfer-encoding"] { #expect(stream[field: name] == nil) }
            #expect(!stream.isOver)
            let upper = try await client.connect(protocol: "WebSocket")
            #expect(await eventually { upper.status == 200 })
        }
    }

    @Test func `A client that is greeted gets its greeting first`() async throws {
        try await HTTP2Node.with { client, _ in
            let stream = try await client.webSocket("/ws?welcome=on")
            guard case .text(let text) = await stream.frames(1).first else {
                Issue.record("\(stream.frames)")
                return
            }
            #expect(text.contains("welcome"))
        }
    }

    private static let version = ("sec-websocket-version", "13")

    @Test(arguments: [
        ("/echo", [Self.version], "webtransport", 501, "unknown-protocol"),
        ("/echo", [Self.version], "", 501, "unknown-protocol"),
        ("/nowhere", [Self.version], "websocket", 404, "unknown-path"),
        ("/echo", [], "websocket", 426, "unsupported-websocket-version"),
        ("/echo", [("sec-websocket-version", "8")], "websocket", 426, "unsupported-websocket-version"),
        ("/echo", [Self.version, ("sec-websocket-key", "x")], "websocket", 400, "bad-websocket-key"),
        ("/echo", [Self.version, ("origin", "https://other.example")], "websocket", 403, "origin-not-allowed"),
        ("/echo", [Self.version, ("host", "other")], "websocket", 400, "malformed-request"),
        ("/echo", [Self.version, ("x-a", String(repeating: "x", count: 17_000))], "websocket", 431, "header-too-large"),
        ("/ws?user=a", [Self.version], "websocket", 403, "user-not-accepted"),
    ])
    func `A refused handshake is a plain answer, and its stream ends without an error`(
        path: String,
        fields: [(String, String)],
        name: String,
        status: Int,
        problem: String
    ) async throws {
        try await HTTP2Node.with { client, _ in
            let stream = try await client.connect(path, fields, protocol: name)
            // Frames of a client that does not wait for the answer.
            stream.begin(ClientFrame.text("early"))
            #expect(await eventually { stream.reset != nil })
            #expect(stream.reset == .noError)
            #expect(stream.status == status)
            #expect(stream.problem == problem)
            #expect(stream[field: "content-type"] == "application/problem+json")
            #expect(stream[field: "content-length"] == "\(stream.bytes)")
            #expect(stream[field: "upgrade"] == nil)
            #expect(stream[field: "sec-websocket-version"] == (status == 426 ? "13" : nil))
            #expect(stream.hasEnd)
            let good = try await client.webSocket()
            try await good.send(ClientFrame.text("x"))
            #expect(await good.frames(1) == [.text("x")])
        }
    }

    @Test func `A handshake that ends its half is refused`() async throws {
        try await HTTP2Node.with { client, _ in
            let stream = try await client.connect(ends: true)
            try await stream.waitForEnd()
            #expect(stream.status == 400)
            #expect(stream.problem == "not-a-websocket")
            #expect(stream.reset == nil)
        }
    }

    @Test func `Frames that come with the handshake are read, in order`() async throws {
        try await HTTP2Node.with { client, _ in
            let stream = try await client.connect()
            for text in ["a", "b", "c"] { stream.begin(ClientFrame.text(text)) }
            stream.begin(ClientFrame.close(1000), ends: true)
            try await stream.waitForEnd()
            #expect(stream.frames == [.text("a"), .text("b"), .text("c"), .close(1000, "")])
            #expect(stream.status == 200)
        }
    }

    // MARK: - Messages

    @Test func `A message may be cut anywhere into DATA frames`() async throws {
        try await HTTP2Node.with { client, _ in
            let bytes = ClientFrame.text("one ", isFinal: false) + ClientFrame.ping("p") + ClientFrame.continuation("two")
            for cut in 1..<bytes.count {
                let stream = try await client.webSocket()
                for part in [bytes[..<cut], bytes[cut...]] { try await stream.send(Array(part)) }
                #expect(await stream.frames(2) == [.pong(Array("p".utf8)), .text("one two")], "cut at \(cut)")
                try await stream.reset()
            }
            let stream = try await client.webSocket()
            for byte in bytes { try await stream.send([byte]) }
            #expect(await stream.frames(2) == [.pong(Array("p".utf8)), .text("one two")])
        }
    }

    @Test(arguments: [0, 125, 16_384, 65_536, 1_000_000])
    func `A message of any size comes back`(count: Int) async throws {
        try await HTTP2Node.with { client, _ in
            let stream = try await client.webSocket()
            let text = String(repeating: "x", count: count)
            try await stream.send(ClientFrame.text(text))
            #expect(await stream.frames(1) == [.text(text)])
        }
    }

    @Test func `Compression is agreed on and used`() async throws {
        try await HTTP2Node.with([.compression: "on"]) { client, _ in
            let stream = try await client.webSocket("/echo", [("sec-websocket-extensions", "permessage-deflate")])
            #expect(stream[field: "sec-websocket-extensions"]?.hasPrefix("permessage-deflate") == true)
            try await stream.send(ClientFrame.frame(0x41, [0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00]))
            #expect(await stream.frames(1) == [.text("Hello")])
        }
    }

    @Test func `A broadcast reaches all streams of a connection, and the list has each`() async throws {
        try await HTTP2Node.with { client, node in
            var streams: [HTTP2TestStream] = []
            for _ in 0..<100 { streams.append(try await client.webSocket("/ws")) }
            #expect(try await node.listed(100).count == 100)
            let answer = try await client.request(
                "POST",
                "/api/connections/broadcast",
                [("content-type", "application/json")],
                body: #"{"message": "to all"}"#
            )
            #expect(answer.status == 200, "\(answer.body)")
            for stream in streams { #expect(await eventually { stream.body.contains("to all") }) }
            try await streams[0].reset()
            #expect(try await node.listed(99).count == 99)
        }
    }

    // MARK: - The end

    /// Chromium sends its close frame so.
    @Test func `A close frame with END_STREAM is answered, and the stream ends without a reset`() async throws {
        try await HTTP2Node.with { client, _ in
            let stream = try await client.webSocket()
            try await stream.send(ClientFrame.text("x") + ClientFrame.close(1001, "bye"), ends: true)
            try await stream.waitForEnd()
            #expect(stream.frames == [.text("x"), .close(1001, "")])
            #expect(stream.hasEnd)
            #expect(stream.reset == nil)
        }
    }

    @Test func `A client that ends its half without a close frame gets the same`() async throws {
        try await HTTP2Node.with { client, node in
            for ends: [UInt8]? in [ClientFrame.text("x"), [], nil] {
                let stream = try await client.webSocket()
                if let ends { try await stream.send(ends, ends: true) } else { try await stream.sendTrailers([("a", "b")]) }
                try await stream.waitForEnd()
                #expect(stream.hasEnd)
                #expect(stream.reset == nil)
                #expect(stream.frames == (ends?.isEmpty == false ? [.text("x")] : []))
            }
            #expect(try await node.listed(0).isEmpty)
        }
    }

    @Test func `A client that never ends its half is reset after a second, without an error`() async throws {
        try await HTTP2Node.with { client, _ in
            let stream = try await client.webSocket()
            let start = ContinuousClock.now
            try await stream.send(ClientFrame.close(1000))
            #expect(await eventually { stream.hasEnd })
            #expect(stream.frames == [.close(1000, "")])
            #expect(await eventually { stream.reset != nil })
            #expect(stream.reset == .noError)
            #expect(ContinuousClock.now - start >= .milliseconds(950))
        }
    }

    /// When the client closes, many of its frames still wait for a turn.
    @Test func `What a client has said before it closes its connection reaches the others`() async throws {
        try await HTTP2Node.with([.announcementsPerSecond: "0"]) { client, node in
            let other = try await node.open()
            let stream = try await client.webSocket("/ws")
            for number in 1..<1000 { stream.begin(ClientFrame.text("no. \(number);")) }
            try await stream.send(ClientFrame.text("no. 1000;"))
            // Not of both halves: a reset would drop what the node has not read.
            try await client.channel.close(mode: .output)
            let received = { other.frames.filter { "\($0)".contains("no. ") } }
            #expect(await eventually { received().count >= 1000 })
            #expect(received().count == 1000)
            #expect(received().last.map { "\($0)".contains("no. 1000;") } == true)
        }
    }

    @Test func `A client that ends its half after the node has, is not reset`() async throws {
        try await HTTP2Node.with { client, _ in
            // The node waits for a second. If the machine needs most of it to answer, the client tries again.
            for _ in 0..<20 {
                let stream = try await client.webSocket()
                let start = ContinuousClock.now
                try await stream.send(ClientFrame.close(1000))
                #expect(await eventually { stream.hasEnd })
                stream.begin([], ends: true)
                guard start.duration(to: .now) < .milliseconds(500) else { continue }
                #expect(await !eventually(within: .milliseconds(1300)) { stream.reset != nil })
                return
            }
            Issue.record("the machine was too slow")
        }
    }

    @Test(arguments: [HTTP2ErrorCode.cancel, .noError, .internalError])
    func `A reset in a message ends one WebSocket and no other`(code: HTTP2ErrorCode) async throws {
        try await HTTP2Node.with { client, node in
            let (stream, other) = (try await client.webSocket("/ws"), try await client.webSocket())
            #expect(try await node.listed(1).count == 1)
            try await stream.send(Array(ClientFrame.text("half a message").prefix(9)))
            try await stream.reset(code)
            #expect(try await node.listed(0).isEmpty)
            try await other.send(ClientFrame.text("x"))
            #expect(await other.frames(1) == [.text("x")])
            #expect(client.goAways.isEmpty)
        }
    }

    private static let violations: [([UInt8], UInt16)] = [
        (ClientFrame(opcode: 1, payload: [65], key: nil).bytes, 1002), (ClientFrame.frame(3, []), 1002),
        (ClientFrame.text([0xC3, 0x28]), 1007), (ClientFrame(opcode: 1, claimedLength: 2_000_000).bytes, 1009),
        (ClientFrame.frame(9, [UInt8](repeating: 0, count: 126)), 1002),
    ]

    @Test(arguments: Self.violations)
    func `A violation is told, and ends one stream`(bytes: [UInt8], code: UInt16) async throws {
        try await HTTP2Node.with { client, _ in
            let other = try await client.webSocket()
            for ends in [true, false] {
                let stream = try await client.webSocket()
                try await stream.send(bytes, ends: ends)
                #expect(await eventually { stream.hasEnd })
                guard case .close(code, _)? = stream.frames.last else {
                    Issue.record("\(stream.frames)")
                    return
                }
                if !ends { #expect(await eventually { stream.reset == .noError }) }
            }
            try await other.send(ClientFrame.ping("x"))
            #expect(await other.frames(1) == [.pong(Array("x".utf8))])
        }
    }
}
