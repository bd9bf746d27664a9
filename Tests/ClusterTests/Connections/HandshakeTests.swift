import Foundation
import TestSupport
import Testing

extension RealProcesses {
    /// Requests at the WebSocket paths.
    @Suite
    struct HandshakeTests {
        /// A good handshake, with anything changed.
        static func request(
            _ path: String,
            method: String = "GET",
            version: String? = "13",
            key: String? = "dGhlIHNhbXBsZSBub25jZQ==",
            upgrade: String = "websocket",
            connection: String = "Upgrade"
        ) -> String {
            var lines = ["\(method) \(path) HTTP/1.1", "Host: test", "Upgrade: \(upgrade)", "Connection: \(connection)"]
            if let version { lines.append("Sec-WebSocket-Version: \(version)") }
            if let key { lines.append("Sec-WebSocket-Key: \(key)") }
            return lines.joined(separator: "\r\n") + "\r\n\r\n"
        }

        /// Sends bytes on a connection of their own.
        /// - Returns: all that the server says until it ends the connection.
        private func exchange(_ node: TestNode, _ text: String) async throws -> String {
            let client = try await RawTestClient.connect(port: node.process.port)
            try await client.send(text)
            let ended = await eventually { client.isEnded }
            try #require(ended, "the connection stays open: \(client.received)")
            return client.received
        }

        private func isProblem(_ answer: String, _ status: Int) -> Bool {
            answer.hasPrefix("HTTP/1.1 \(status) ") && answer.lowercased().contains("content-type: application/problem+json\r\n")
        }

        @Test
        func `The handshake is answered with the key's proof, as in the RFC's example`() async throws {
            try await withSingleNode { node in
                for path in ["/ws", "/echo", "/ws?token=1", "/ws/", "/echo/", "/ws/?token=1"] {
                    let client = try await RawTestClient.connect(port: node.process.port)
                    try await client.send(Self.request(path, upgrade: "WebSocket", connection: "keep-alive, upgrade"))
                    let done = await eventually { client.received.contains("\r\n\r\n") }
                    #expect(done)
                    let head = client.received.lowercased()
                    #expect(head.hasPrefix("http/1.1 101 "))
                    #expect(head.contains("upgrade: websocket\r\n"))
                    #expect(head.contains("connection: upgrade\r\n"))
                    #expect(client.received.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="))
                    #expect(!head.contains("sec-websocket-protocol"))
                    #expect(!head.contains("sec-websocket-extensions"))
                }
            }
        }

        @Test
        func `Plain HTTP to the WebSocket paths is 400 problem+json`() async throws {
            try await withSingleNode { node in
                for path in ["/ws", "/echo", "/ws/", "/echo/", "/ws/?a=/"] {
                    let response = try await node.request("GET", path)
                    #expect(response.status == 400)
                    #expect(response[header: "content-type"] == "application/problem+json")
                    #expect(try response.decode(Problem.self).status == 400)
                    let post = try await node.request("POST", path, body: "{}")
                    #expect(post.status == 405)
                    #expect(post[header: "allow"]?.contains("GET") == true)
                }
            }
        }

        @Test
        func `A version that is not 13 is 426 and told which one is spoken`() async throws {
            try await withSingleNode { node in
                for version in ["8", "14", "13, 8", "", "x", nil] {
                    let answer = try await self.exchange(node, Self.request("/ws", version: version))
                    #expect(self.isProblem(answer, 426), "\(version ?? "none"): \(answer)")
                    #expect(answer.lowercased().contains("sec-websocket-version: 13\r\n"))
                }
            }
        }

        @Test
        func `A key that is not 16 bytes of base64 is 400`() async throws {
            try await withSingleNode { node in
                for key in ["", "short", "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25jZQ===", "!GhlIHNhbXBsZSBub25jZQ==", nil] {
                    let answer = try await self.exchange(node, Self.request("/ws", key: key))
                    #expect(self.isProblem(answer, 400), "\(key ?? "none"): \(answer)")
                }
            }
        }

        @Test
        func `An upgrade at another path is 404, with another method or a missing Connection 400`() async throws {
            try await withSingleNode { node in
                let refusals = [
                    (Self.request("/nothing"), 404), (Self.request("/ws//"), 404), (Self.request("/ws", method: "POST"), 400),
                    (Self.request("/ws", connection: "close"), 400),
                ]
                for (request, status) in refusals {
                    let answer = try await self.exchange(node, request)
                    #expect(self.isProblem(answer, status), "\(request) \(answer)")
                }
            }
        }

        @Test
        func `Upgrade: h2c, as some clients send with every request, is answered as plain HTTP`() async throws {
            try await withSingleNode { node in
                let settings = "Connection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"
                let get = try await self.exchange(node, "GET /livez HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\n\(settings)\r\n")
                #expect(get.hasPrefix("HTTP/1.1 200 "))
                #expect(get.hasSuffix(#"{"live":true}"#))
                let body = #"{"message":"hello"}"#
                let head = "Host: x\r\nUpgrade: h2c\r\n\(settings)Content-Type: application/json\r\n"
                let post = try await self.exchange(
                    node,
                    "POST /api/connections/broadcast HTTP/1.1\r\n\(head)Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
                )
                #expect(post.hasPrefix("HTTP/1.1 200 "))
                #expect(post.contains(#""recipients":0"#))
            }
        }

        @Test
        func `What follows a refused upgrade on the same connection is never answered`() async throws {
            try await withSingleNode { node in
                let second = "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"
                for first in [Self.request("/ws", version: "8"), Self.request("/ws", key: "bad"), Self.request("/other")] {
                    let pipelined = try await self.exchange(node, first + second)
                    #expect(pipelined.hasPrefix("HTTP/1.1 4"))
                    #expect(pipelined.components(separatedBy: "HTTP/1.1 ").count == 2, "\(pipelined)")
                    #expect(!pipelined.contains("live"))
                }
            }
        }

        @Test
        func `Garbage, and a head without an end, get nowhere and do no harm`() async throws {
            try await withSingleNode(options: ["--handshake-timeout", "500ms"]) { node in
                let garbage = try await self.exchange(node, "\u{1}\u{2}\u{3} nonsense\r\n\r\n")
                #expect(garbage.isEmpty || garbage.hasPrefix("HTTP/1.1 400 "))
                let endless = try await self.exchange(node, "GET /ws HTTP/1.1\r\nHost: x\r\n")
                #expect(!endless.contains(" 200 "))
                let huge = try await self.exchange(
                    node,
                    "GET /livez HTTP/1.1\r\nHost: x\r\nX-Large: \(String(repeating: "x", count: 20_000))\r\n\r\n"
                )
                #expect(!huge.contains(" 200 "))
                #expect(try await node.request("GET", "/livez").status == 200)
            }
        }
    }
}
