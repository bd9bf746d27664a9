import NIOHTTP2
import TestSupport
import Testing

@testable import VolaryNode

/// HTTP/2 on a node that stops, with TLS and without, and switched off.
@Suite(.timeLimit(.minutes(2)))
struct HTTP2DrainTests {
    // MARK: - The end of a node

    @Test func `All streams of a node that stops are closed with 1012, and the connection after them`() async throws {
        try await HTTP2Node.with([.closeTimeout: "30s", .drainTimeout: "60s"]) { client, node in
            var streams: [HTTP2TestStream] = []
            for _ in 0..<100 { streams.append(try await client.webSocket()) }
            await node.beginStop()
            for stream in streams {
                let frames = await stream.frames(1)
                guard case .close(1012, _)? = frames.first else {
                    Issue.record("\(frames)")
                    return
                }
                stream.begin(ClientFrame.close(1012), ends: true)
            }
            #expect(await eventually { client.isEnded })
            #expect(client.goAways.first == HTTP2TestClient.GoAway(last: 0x7FFF_FFFF, code: .noError))
            #expect(client.goAways.allSatisfy { $0.code == .noError })
            try await node.stop()
        }
    }

    @Test func `A client that answers nothing does not keep a node that stops`() async throws {
        try await APITestNode.with([.http2: "on", .closeTimeout: "1s", .drainTimeout: "5s"]) { node in
            let client = try await HTTP2Node.raw(port: node.port)
            try await client.send(bytes: HTTP2Bytes.connect(stream: 1))
            #expect(await eventually { client.frames.contains { $0.kind == HTTP2Bytes.Kind.headers.rawValue } })
            let start = ContinuousClock.now
            try await node.stop()
            #expect(ContinuousClock.now - start < .seconds(15))
            #expect(await eventually { client.isEnded })
        }
    }

    @Test func `A handshake on a node that drains is refused, so that the client may send it again elsewhere`() async throws {
        try await APITestNode.with([.http2: "on", .closeTimeout: "4s"]) { node in
            let client = try await HTTP2Node.raw(port: node.port)
            try await client.send(bytes: HTTP2Bytes.connect(stream: 1))
            #expect(await eventually { client.frames.contains { $0.kind == HTTP2Bytes.Kind.headers.rawValue } })
            await node.beginStop()
            #expect(await eventually { client.frames.contains { $0.kind == 0 && $0.payload.first == 0x88 } })
            try await client.send(bytes: HTTP2Bytes.connect(stream: 3))
            // RST_STREAM with REFUSED_STREAM (RFC 9113 section 8.7).
            let isRefused = await eventually {
                client.frames.contains { $0.kind == 3 && $0.stream == 3 && Array($0.payload) == [0, 0, 0, 7] }
            }
            #expect(isRefused)
            try await node.stop()
        }
    }

    @Test func `A node that is not ready says so with the next stream, and goes on with all of them`() async throws {
        try await HTTP2Node.with([.drainDelay: "5s"]) { client, node in
            let stream = try await client.webSocket()
            await node.beginStop()
            #expect(await eventually { (try? await node.http.request("GET", "/readyz").status) == 503 })
            let last = try await client.webSocket()
            #expect(await eventually { client.goAways.count == 2 })
            #expect(client.goAways.map(\.last) == [0x7FFF_FFFF, Int(last.id)])
            for open in [stream, last] {
                try await open.send(ClientFrame.text("x"))
                #expect(await open.frames(1) == [.text("x")])
            }
            #expect(await eventually { if case .close(1012, _)? = stream.frames.last { true } else { false } })
            try await node.stop()
        }
    }

    @Test func `A request in progress is answered by a node that stops, and its connection ends after it`() async throws {
        try await HTTP2Node.with { client, node in
            let head = [
                (":method", "POST"), (":scheme", "http"), (":authority", "test"), (":path", "/api/connections/broadcast"),
            ]
            let stream = try await client.open(
                head + [("content-type", "application/json"), ("expect", "100-continue")],
                ends: false
            )
            #expect(await eventually { stream.informational == ["100"] })
            await node.beginStop()
            #expect(await eventually { !client.goAways.isEmpty })
            try await stream.send(Array(#"{"message": "x"}"#.utf8), ends: true)
            try await stream.waitForEnd()
            #expect(stream.status == 200)
            #expect(await eventually { client.isEnded })
            try await node.stop()
        }
    }

    // MARK: - Protocols

    private static func withTLS(
        _ options: [ConfigurationOption: String],
        _ body: (RunningNode, TestCertificate) async throws -> Void
    ) async throws {
        let certificate = try TestCertificate()
        let files: [ConfigurationOption: String] = [.tlsCertificate: certificate.certificate, .tlsKey: certificate.key]
        let node = try await RunningNode.start(files.merging(options) { $1 })
        let result: Result<Void, any Error>
        do { result = .success(try await body(node, certificate)) } catch { result = .failure(error) }
        try await node.stop()
        try result.get()
    }

    @Test func `With TLS, HTTP_2 is the default: requests, WebSockets, large messages and the end`() async throws {
        try await Self.withTLS([:]) { node, certificate in
            let tls = try TestTLS(trusted: certificate.certificate, protocols: ["h2", "http/1.1"])
            let client = try await HTTP2TestClient.connect(port: node.port, tls: tls)
            #expect(try await client.request("GET", "/livez").status == 200)
            let stream = try await client.webSocket()
            let text = String(repeating: "x", count: 500_000)
            try await stream.send(ClientFrame.text(text))
            #expect(await stream.frames(1) == [.text(text)])
            try await stream.send(ClientFrame.close(1000), ends: true)
            #expect(await eventually { stream.hasEnd })
            #expect(stream.reset == nil)
            let last = try await client.webSocket()
            await node.beginStop()
            #expect(await last.frames(1) == [.close(1012, "the node is going away")])
            try await last.send(ClientFrame.close(1012), ends: true)
            #expect(await eventually { client.isEnded })
        }
    }

    @Test(arguments: ["tls", "on", "off"])
    func `A client of HTTP_1 over TLS stays one, with ALPN and without`(mode: String) async throws {
        try await Self.withTLS([.http2: mode]) { node, certificate in
            for protocols in [["http/1.1"], [], ["h3"]] {
                let tls = try TestTLS(trusted: certificate.certificate, protocols: protocols)
                let client = HTTPTestClient(port: node.port, tls: tls)
                #expect(try await client.request("GET", "/livez").status == 200)
                let options = WebSocketTestClient.Options(tls: tls)
                let webSocket = try await WebSocketTestClient.connect(port: node.port, path: "/echo", options: options)
                try await webSocket.send("x")
                #expect(try await webSocket.next() == .text("x"))
            }
        }
    }

    @Test func `Switched off, no h2 is chosen, and HTTP_1 is spoken to who offers both`() async throws {
        try await Self.withTLS([.http2: "off"]) { node, certificate in
            let tls = try TestTLS(trusted: certificate.certificate, protocols: ["h2", "http/1.1"])
            #expect(try await HTTPTestClient(port: node.port, tls: tls).request("GET", "/livez").status == 200)
        }
    }

    @Test(arguments: ["tls", "off"])
    func `Without TLS, the preface is a bad request unless HTTP_2 is on`(mode: String) async throws {
        try await APITestNode.with([.http2: mode]) { node in
            let client = try await HTTP2Node.raw(port: node.port)
            #expect(await eventually { client.isEnded })
            #expect(client.received.hasPrefix("HTTP/1.1 "), "\(client.received.prefix(100))")
        }
    }

    @Test func `Where both are spoken without TLS, HTTP_1 has requests and WebSockets as ever`() async throws {
        try await APITestNode.with([.http2: "on"]) { node in
            #expect(try await node.http.request("GET", "/livez").status == 200)
            #expect(try await node.http.request("POST", "/api/connections/broadcast", body: #"{"message": "x"}"#).status == 200)
            let client = try await node.open("/echo")
            client.write(ClientFrame.text("x"))
            #expect(await eventually { client.frames == [.text("x")] })
            await client.close()
        }
    }
}
