import TestSupport
import Testing

extension RealProcesses {
    /// WebSockets on connections that have served requests.
    @Suite
    struct ReusedConnectionTests {
        @Test(arguments: ProxyServer.Kind.allCases)
        func `Through a real proxy, every handshake works with REST calls in between`(_ kind: ProxyServer.Kind) async throws {
            try await withSingleNode { node in
                let proxy = try await ProxyServer.start(kind, nodes: [node.process.port])
                defer { proxy.stop() }
                let http = HTTPTestClient(port: proxy.port)
                var clients: [WebSocketTestClient] = []
                for number in 0..<40 {
                    if number.isMultiple(of: 2) {
                        // What it leaves idle in the proxy's pool, the next handshake may be sent on.
                        #expect(try await http.request("GET", "/api/nodes").status == 200)
                        let push = try await http.request("POST", "/api/connections/broadcast", body: #"{"message":"x"}"#)
                        #expect(push.status == 200)
                    }
                    guard let client = try? await WebSocketTestClient.connect(port: proxy.port, path: "/echo") else {
                        Issue.record("handshake \(number) was refused")
                        continue
                    }
                    clients.append(client)
                }
                #expect(clients.count == 40)
                for (number, client) in clients.enumerated() { try await client.send("hello \(number)") }
                for (number, client) in clients.enumerated() { #expect(try await client.next() == .text("hello \(number)")) }
                #expect(try await node.metric("volary_connections_all_endpoints") == 40)
                for client in clients { try await client.close() }
                for client in clients { #expect(await client.closed() == 1000) }
            }
        }

        /// A masked text frame with a key of zeros.
        private static func frame(_ text: String) -> [UInt8] {
            [0x81, 0x80 | UInt8(text.utf8.count), 0, 0, 0, 0] + Array(text.utf8)
        }

        @Test(
            arguments: [false, true]
        )
        func `Plain and over TLS: after requests, bodies and a while of silence, with frames in its packet`(
            _ isSecure: Bool
        ) async throws {
            let certificate = isSecure ? try TestCertificate() : nil
            try await withSingleNode(options: Cluster.quiet + ["--handshake-timeout", "500ms"], tls: certificate) { node in
                let client = try await RawTestClient.connect(port: node.process.port, tls: node.process.tls)
                let body = #"{"message":"\#(String(repeating: "x", count: 100_000))"}"#
                try await client.send(
                    "GET /livez HTTP/1.1\r\nHost: h\r\n\r\nPOST /api/connections/broadcast HTTP/1.1\r\nHost: h\r\n"
                        + "Content-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
                )
                #expect(await eventually { client.received.matches(of: #/HTTP/1\.1 200 /#).count == 2 })
                // The time of a first request is not the time between two.
                try await Task.sleep(for: .milliseconds(700))
                try await client.send(bytes: Array(HandshakeTests.request("/echo").utf8) + Self.frame("early"))
                #expect(await eventually { client.received.hasSuffix("early") }, "\(client.received)")
                #expect(client.received.contains("HTTP/1.1 101 Switching Protocols\r\n"))
                try await client.send(bytes: Self.frame("late"))
                #expect(await eventually { client.received.hasSuffix("late") })
            }
        }

        @Test
        func `Behind requests in the same packet, who it is and its subscriptions are found out first; then its frames are read`()
            async throws
        {
            let redis = try RedisServer.start()
            defer { redis.stop() }
            try await withSingleNode(options: Cluster.quiet + ["--insecure-user-query", "--redis", redis.url]) { node in
                let client = try await RawTestClient.connect(port: node.process.port)
                let get = "GET /api/nodes HTTP/1.1\r\nHost: h\r\n\r\n"
                try await client.send(
                    bytes: Array((get + get + HandshakeTests.request("/ws?user=ann")).utf8) + Self.frame("early")
                )
                #expect(await eventually { client.received.contains(#""message":"early""#) }, "\(client.received)")
                let statuses = client.received.matches(of: #/HTTP/1\.1 (\d+) /#).map { String($0.1) }
                #expect(statuses == ["200", "200", "101"])
                let push = try await node.request("POST", "/api/users/ann/send", body: #"{"message":"hello ann"}"#)
                #expect(try push.decode(Receipt.self).recipients == 1)
                #expect(await eventually { client.received.contains("hello ann") })
            }
        }
    }
}
