import HTTPTypes
import NIOCore
import NIOHTTP2
import TestSupport
import Testing

@testable import VolaryNode

/// Many requests at once, and requests that no route sees.
@Suite(.timeLimit(.minutes(2)))
struct HTTP2RefusalsTests {
    // MARK: - Many

    @Test func `Many requests at once are answered, each on its stream`() async throws {
        try await HTTP2Routes.with([.post: HTTP2Routes.echo]) { client, _ in
            var streams: [(Int, HTTP2TestStream)] = []
            for number in 0..<100 { streams.append((number, try await client.send("POST", "/", body: "number \(number)"))) }
            for (number, stream) in streams {
                try await stream.waitForEnd()
                #expect(stream.body == "number \(number)")
            }
            #expect(client.goAways.isEmpty)
        }
    }

    @Test func `The 129th request at once is refused, and may be sent again`() async throws {
        let gate = Gate()
        let post: RouteHandler = { _, _ in
            await gate.pass()
            return Response(status: .noContent)
        }
        try await HTTP2Routes.with([.post: post]) { client, _ in
            var streams: [HTTP2TestStream] = []
            for _ in 0..<128 { streams.append(try await client.send("POST", "/")) }
            let over = try await client.request("POST", "/")
            #expect(over.reset == .refusedStream)
            #expect(streams.allSatisfy { !$0.isOver })
            gate.open()
            for stream in streams {
                try await stream.waitForEnd()
                #expect(stream.status == 204)
            }
            #expect(await eventually { (try? await client.request("POST", "/").status) == 204 })
        }
    }

    @Test func `Bodies on their way to many requests that are refused do not end the connection`() async throws {
        try await APITestNode.with([.http2: "on"]) { node in
            let client = try await HTTP2Node.raw(port: node.port)
            let streams = (0..<600).map { UInt32(2 * $0 + 1) }
            try await client.send(bytes: streams.flatMap { HTTP2Bytes.post(stream: $0, "/api/connections/broadcast") })
            #expect(await eventually { client.codes(.resetStream).count == 600 - 128 })
            // The client did not know of the resets when it sent these.
            let body = Array(#"{"message": "x"}"#.utf8)
            try await client.send(
                bytes: streams.flatMap { HTTP2Bytes.frame(.data, flags: HTTP2Bytes.endStream, stream: $0, body) }
            )
            #expect(await eventually { client.frames.count { $0.kind == HTTP2Bytes.Kind.headers.rawValue } == 128 })
            #expect(client.codes(.goAway).isEmpty)
        }
    }

    // MARK: - Refusals before the routes

    @Test(arguments: [
        ([("x-a", String(repeating: "x", count: 17_000))], 431, "header-too-large"),
        ((0..<101).map { ("x-\($0)", "") }, 431, "header-too-large"), ([("host", "other")], 400, "malformed-request"),
        ([("origin", "\u{E9}")], 400, "invalid-header"),
    ])
    func `A request that no route may see is answered on its stream`(
        fields: [(String, String)],
        status: Int,
        problem: String
    ) async throws {
        try await HTTP2Routes.with([.post: HTTP2Routes.echo]) { client, _ in
            for body in ["abc", nil] {
                let stream = try await client.open(HTTP2Routes.post + fields, ends: body == nil)
                if let body { stream.begin(Array(body.utf8), ends: true) }
                try await stream.waitForEnd()
                #expect(stream.status == status)
                #expect(stream.problem == problem)
                #expect(stream.hasEnd)
            }
            // The client has not ended its half, and is told to stop.
            let open = try await client.open(HTTP2Routes.post + fields, ends: false)
            #expect(await eventually { open.reset == .noError })
            #expect(open.status == status)
            #expect(try await client.request("POST", "/", body: "x").body == "x")
        }
    }

    /// A body would be an error of the stream.
    @Test func `An answer to HEAD has no body then either`() async throws {
        try await HTTP2Routes.with([.get: HTTP2Routes.echo]) { client, _ in
            for (fields, status) in [([("host", "other")], 400), ((0..<101).map { ("x-\($0)", "") }, 431)] {
                let stream = try await client.send("HEAD", "/", fields)
                #expect(await eventually(within: .seconds(5)) { stream.hasEnd })
                #expect(stream.status == status)
                #expect(stream.bytes == 0)
            }
        }
    }

    @Test(
        arguments: [
            ("", []), ("get", []), ("NONSENSE", []), ("GET", [("x", "a\u{1}b")]), ("GET", [("x", "a\u{7F}")]),
            ("POST", [("content-length", "+15")]), ("POST", [("content-length", "15, 15")]), ("POST", [("content-length", "")]),
            ("POST", [("content-length", "15"), ("content-length", "15")]), ("GET", [("host", "test"), ("host", "test")]),
        ]
    )
    func `What HTTP_1_1 refuses gets 400 with both versions`(method: String, fields: [(String, String)]) async throws {
        try await HTTP2Routes.with([.get: HTTP2Routes.echo, .post: HTTP2Routes.echo]) { client, listener in
            let hasHost = fields.contains { $0.0 == "host" }
            let old = try await listener.connect()
            let lines = ((hasHost ? [] : [("host", "test")]) + fields).map { "\($0): \($1)\r\n" }
            try await old.send("\(method) / HTTP/1.1\r\n\(lines.joined())\r\n")
            #expect(await eventually { old.received.hasPrefix("HTTP/1.1 400 ") }, "\(old.received)")
            let head = [(":method", method), (":scheme", "http"), (":path", "/")] + (hasHost ? [] : [(":authority", "test")])
            let stream = try await client.open(head + fields, ends: false)
            #expect(await eventually { stream.status == 400 && stream.reset == .noError }, "\(stream.status ?? 0)")
            #expect(stream.problem == "malformed-request")
        }
    }

    @Test func `A plain CONNECT is no proxy's`() async throws {
        try await HTTP2Routes.with([.post: HTTP2Routes.echo]) { client, _ in
            let stream = try await client.open([(":method", "CONNECT"), (":authority", "h:443")], ends: false)
            #expect(await eventually { stream.reset == .noError })
            #expect(stream.status == 501)
            #expect(stream.problem == "unknown-method")
        }
    }

    @Test func `A body that takes too long ends with 408`() async throws {
        var settings = HTTP2Routes.settings
        settings.bodyTimeout = .milliseconds(200)
        let post: RouteHandler = { request, _ in
            do {
                _ = try await request.body.collect(upTo: 10)
                return Response(status: .ok)
            } catch is RequestDeadlines.BodyTimeout {
                return Response(status: .requestTimeout)
            }
        }
        try await HTTP2Routes.with([.post: post], settings: settings) { client, _ in
            let stream = try await client.open(HTTP2Routes.post, ends: false)
            #expect(await eventually { stream.reset == .noError })
            #expect(stream.status == 408)
        }
    }
}
