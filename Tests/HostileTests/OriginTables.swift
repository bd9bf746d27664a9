import TestSupport
import Testing

extension HostileTables {
    /// Pages of other origins, and wrong names of the node.
    @Suite
    struct OriginTables {
        private static let own = "Origin: http://test\r\n"
        private static let long = String(repeating: "a", count: 600)

        /// Header fields of handshakes with `Host: test`, and the expected status.
        private static let handshakes: [(fields: String, status: Int)] = [
            ("", 101), (own, 101), ("Origin: https://test\r\n", 101), ("Origin: ws://test\r\n", 101),
            ("Origin: http://TEST\r\n", 101),
            ("Origin: http://test:80\r\n", 101), ("Origin: https://test:443\r\n", 101), ("Origin: http://test:81\r\n", 403),
            ("Origin: https://test:80\r\n", 403), ("Origin: http://test:0\r\n", 403), ("Origin: http://test:65616\r\n", 403),
            ("Origin: http://test:+80\r\n", 403), ("Origin: http://test.\r\n", 403),
            ("Origin: http://test.evil.example\r\n", 403),
            ("Origin: http://eviltest\r\n", 403), ("Origin: http://test@evil.example\r\n", 403),
            ("Origin: http://evil.example#test\r\n", 403),
            ("Origin: http://test/\r\n", 403), ("Origin: http://test?\r\n", 403), ("Origin: http:test\r\n", 403),
            ("Origin: //test\r\n", 403),
            ("Origin: test\r\n", 403), ("Origin: http://test, http://test\r\n", 403),
            ("Origin: http://test http://test\r\n", 403),
            ("\(own)\(own)", 403), ("\(own)Origin: https://evil.example\r\n", 403), ("Origin: \r\n", 403),
            ("Origin: null\r\n", 403),
            ("Origin: *\r\n", 403), ("Origin: file://\r\n", 403), ("Origin: file:///etc\r\n", 403),
            ("Origin: data:text/html,x\r\n", 403),
            ("Origin: javascript:1\r\n", 403), ("Origin: chrome-extension://test\r\n", 403), ("Origin: http://\r\n", 403),
            ("Origin: http://\(long)\r\n", 403), ("Origin: http://t\u{E4}st\r\n", 400), ("Origin: http://test\u{0}\r\n", 400),
            // The allowed origins are https://app.example, http://localhost:3000 and capacitor://localhost.
            ("Origin: https://app.example\r\n", 101), ("Origin: https://APP.example:443\r\n", 101),
            ("Origin: http://localhost:3000\r\n", 101),
            ("Origin: capacitor://localhost\r\n", 101), ("Origin: http://app.example\r\n", 403),
            ("Origin: https://app.example:444\r\n", 403),
            ("Origin: https://sub.app.example\r\n", 403), ("Origin: https://app.example.evil.example\r\n", 403),
            ("Origin: https://appXexample\r\n", 403), ("Origin: http://localhost\r\n", 403),
            ("Origin: http://127.0.0.1:3000\r\n", 403),
            ("Origin: http://[::1]:3000\r\n", 403), ("Origin: ionic://localhost\r\n", 403),
            // Header fields that claim another host.
            ("Origin: https://evil.example\r\nX-Forwarded-Host: evil.example\r\n", 403),
            ("Origin: https://evil.example\r\nForwarded: host=evil.example\r\n", 403),
            ("Origin: https://evil.example\r\nX-Original-Host: evil.example\r\n", 403),
            ("Origin: https://evil.example\r\nReferer: http://test/\r\n", 403), ("Sec-Fetch-Site: cross-site\r\n\(own)", 101),
            ("Sec-WebSocket-Origin: https://evil.example\r\n\(own)", 101),
        ]

        /// Targets, hosts and origins, with the expected status.
        private static let names: [(target: String, host: String, origin: String, status: Int)] = [
            ("/ws", "test:81", "http://test:81", 101), ("/ws", "test:81", "http://test", 403),
            ("/ws", "TEST", "http://test", 101),
            ("/ws", "[::1]:81", "http://[::1]:81", 101), ("/ws", "[::1]:81", "http://[::1]", 403), ("/ws", "", "http://", 403),
            ("/ws", "", "http://test", 403), ("http://other/ws", "test", "http://test", 403),
            ("http://other/ws", "test", "http://other", 101),
            ("http://other:81/ws", "other", "http://other:81", 101), ("/ws", "a b", "http://a", 400),
            ("/ws", "a,test", "http://test", 403),
            ("/ws", "test/", "http://test", 400), ("/ws", "test@evil.example", "http://evil.example", 400),
            ("/ws", "test:80:80", "http://test", 400),
            ("/ws", "test:x", "http://test", 400), ("/ws", "t\u{E4}st", "http://test", 400),
            ("/ws", "test\u{0}", "http://test", 400),
        ]

        @Test func `A page may open a WebSocket if its origin is the node's or on the list, and not under other names`()
            async throws
        {
            let list = "https://app.example,http://localhost:3000,capacitor://localhost"
            try await HostileNode.run(["--allowed-origins", list]) { node in
                for (fields, status) in Self.handshakes {
                    let request = HandshakeRequest.text("/ws", fields) + Exchange.closeFrame
                    let exchange = try await Exchange.with(port: node.process.port, request)
                    #expect(exchange.statuses == [status] && exchange.isEnded, "\(Exchange.printable(fields)): \(exchange.text)")
                }
                for (target, host, origin, status) in Self.names {
                    let request = HandshakeRequest.text(target, "Origin: \(origin)\r\n", host: host) + Exchange.closeFrame
                    let exchange = try await Exchange.with(port: node.process.port, request)
                    #expect(exchange.statuses == [status] && exchange.isEnded, "\(target) \(host) \(origin): \(exchange.text)")
                }
            }
        }

        private static let json = "Content-Type: application/json\r\nContent-Length: 15\r\n"
        private static let push = "POST /api/users/nobody/send"
        private static let preflight = "Access-Control-Request-Method: POST\r\n"

        /// Requests with an origin, their expected statuses, and whether the page may read the answer. A request with a length
        /// has a body.
        private static let requests: [(line: String, fields: String, status: Int, isShared: Bool)] = [
            (push, "Origin: https://app.example\r\n\(json)", 200, true), (push, "Origin: http://test\r\n\(json)", 200, false),
            (push, "Origin: https://evil.example\r\n\(json)", 403, false), (push, "Origin: null\r\n\(json)", 403, false),
            (push, "Origin: \r\n\(json)", 403, false), (push, "Origin: https://app.example.evil.example\r\n\(json)", 403, false),
            (push, "Origin: https://app.example, https://app.example\r\n\(json)", 403, false),
            (push, "Origin: http://app.example\r\n\(json)", 403, false),
            (push, "Origin: https://evil.example\r\nX-Forwarded-Host: evil.example\r\n\(json)", 403, false),
            (push, "Origin: https://app.example\r\nContent-Type: text/plain\r\nContent-Length: 15\r\n", 415, true),
            (push, "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 15\r\n", 415, false),
            (push, "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 15\r\n", 415, false),
            (push, "Content-Length: 15\r\n", 415, false),
            ("GET /api/connections", "Origin: https://app.example\r\n", 200, true),
            ("GET /api/connections", "Origin: https://evil.example\r\n", 200, false),
            ("GET /api/nothing", "Origin: https://app.example\r\n", 404, true),
            ("GET /api/nothing", "Origin: https://evil.example\r\n", 404, false),
            ("GET /livez", "Origin: https://app.example\r\n", 200, false),
            ("GET /metrics", "Origin: https://app.example\r\n", 200, false),
            ("OPTIONS /api/users/nobody/send", "Origin: https://app.example\r\n\(preflight)", 204, true),
            ("OPTIONS /api/users/nobody/send", "Origin: https://evil.example\r\n\(preflight)", 204, false),
            ("OPTIONS /api/users/nobody/send", "Origin: null\r\n\(preflight)", 204, false),
            (
                "OPTIONS /api/users/nobody/send", "Origin: https://app.example\r\nOrigin: https://evil.example\r\n\(preflight)",
                204,
                false
            ),
            ("OPTIONS /livez", "Origin: https://app.example\r\n\(preflight)", 204, false),
            ("OPTIONS /ws", "Origin: https://app.example\r\n\(preflight)", 204, false),
        ]

        @Test func `Only pages of allowed origins may read answers and send POST requests`() async throws {
            try await HostileNode.run(["--cors-origins", "https://app.example"]) { node in
                for (line, fields, status, isShared) in Self.requests {
                    let body = fields.contains("Content-Length") ? #"{"message":"x"}"# : ""
                    let request = "\(line) HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\(fields)\r\n\(body)"
                    let exchange = try await Exchange.with(port: node.process.port, request)
                    #expect(exchange.statuses == [status] && exchange.isEnded, "\(line) \(fields): \(exchange.text)")
                    let head = exchange.text.lowercased()
                    #expect(
                        head.contains("access-control-allow-origin: https://app.example\r\n") == isShared,
                        "\(line) \(fields): \(exchange.text)"
                    )
                    #expect(head.contains("access-control-allow-origin") == isShared, "\(line) \(fields)")
                    #expect(!head.contains("access-control-allow-credentials"), "\(line) \(fields)")
                }
            }
        }
    }
}
