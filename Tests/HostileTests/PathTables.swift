import TestSupport
import Testing

extension HostileTables {
    /// Targets, methods and request lines that different parsers may interpret differently.
    @Suite
    struct PathTables {
        private static let key = "correct-horse-battery"

        /// Request targets with the statuses of a GET: without credentials, and with full access.
        ///
        /// None of these reaches the list of connections under another name, and without credentials only the open paths answer.
        private static let targets: [(target: String, anonymous: Int, authorized: Int)] = [
            // The normal path, and the open paths.
            ("/api/connections", 401, 200), ("/livez", 200, 200), ("/livez?/../api/connections", 200, 200), ("/?", 200, 200),
            // Dot segments are ordinary names.
            ("/./api/connections", 401, 404), ("/livez/../api/connections", 401, 404), ("/x/../livez", 401, 404),
            ("/livez/%2e%2e/api/connections", 401, 404), ("/livez%2f..%2fapi%2fconnections", 401, 404), ("/livez/.", 401, 404),
            ("/livez/..", 401, 404), ("/..", 401, 404), ("/../../etc/passwd", 401, 404), ("/..%5c..%5cetc", 401, 404),
            ("/%2e%2e/%2e%2e/etc/passwd", 401, 404), ("/swagger/../../etc/passwd", 404, 404),
            ("/swagger/%2e%2e/%2e%2e/etc/passwd", 404, 404), ("/swagger/swagger-ui.css/../../api/nodes", 404, 404),
            ("/api/connections/%2e%2e/nodes", 401, 404), ("/api/connections/..%2fnodes", 401, 404),
            ("/metrics/..;/livez", 401, 404), ("/livez;/../api/connections", 401, 404),
            // Encoded or additional slashes.
            ("//api/connections", 404, 404), ("/api//connections", 404, 404), ("/api/connections/", 404, 404),
            ("/api%2fconnections", 401, 404), ("/metrics%2f", 401, 404), ("/livez/", 404, 404), ("/livez//", 404, 404),
            ("/api/groups//send", 404, 404), ("/api/groups/%2F/send", 401, 405), ("//h/api/connections", 404, 404),
            ("/api\\connections", 401, 404), ("\\api\\connections", 400, 400),
            // Case and suffixes.
            ("/API/connections", 401, 404), ("/LIVEZ", 401, 404), ("/%61pi/connections", 401, 404), ("/livez%00", 401, 404),
            ("/api/connections%00", 401, 404), ("/api/connections%20", 401, 404), ("/api/connections;x=1", 401, 404),
            ("/api/connections#x", 401, 404), ("/#", 401, 404), ("/livez%3f/api", 401, 404), ("/livez%23", 401, 404),
            // Invalid UTF-8, invalid percent-encoding, invalid URIs.
            ("/%c0%ae%c0%ae/api", 400, 400), ("/%c0%af", 400, 400), ("/%e0%80%af", 400, 400), ("/%f0%80%80%af", 400, 400),
            ("/%ed%a0%80", 400, 400), ("/%f4%90%80%80", 400, 400), ("/%ff", 400, 400), ("/%", 400, 400), ("/%2", 400, 400),
            ("/%zz", 400, 400), ("/%u002e", 400, 400), ("/\u{0}", 400, 400), ("/\u{80}", 400, 400), ("/\u{C3}\u{A4}", 400, 400),
            ("/\t", 400, 400), ("/\u{7F}", 400, 400), ("/\u{B}", 400, 400), ("", 400, 400), ("?", 400, 400),
            // Absolute URIs, authorities, the asterisk.
            ("http://h/api/connections", 401, 200), ("HTTP://H/api/connections", 401, 200), ("http://h/livez", 200, 200),
            ("http://h", 200, 200), ("http://h//api/connections", 404, 404), ("http:///api/connections", 400, 400),
            ("http://user@h/api/connections", 400, 400), ("http://user:pw@h/livez", 400, 400), ("http://h:99999/livez", 400, 400),
            ("http://[::1/livez", 400, 400), ("http://h\\@evil/livez", 400, 400), ("ftp://h/livez", 400, 400),
            ("ws://h/livez", 400, 400), ("file:///etc/passwd", 400, 400), ("javascript:alert(1)", 400, 400), ("h:80", 400, 400),
            ("h", 400, 400), ("*", 401, 404),
            // Queries, and long targets.
            ("/api/connections?limit=1&limit=2", 401, 400), ("/api/connections?access_token=correct-horse-battery", 401, 400),
            ("/\(String(repeating: "a", count: 8000))", 401, 404), ("/\(String(repeating: "../", count: 2000))", 404, 404),
            ("/\(String(repeating: "%2e%2e%2f", count: 500))", 401, 404), ("/\(String(repeating: "a", count: 20_000))", 431, 431),
        ]

        @Test func `A target has one meaning: authentication and routing interpret it in the same way`() async throws {
            try await HostileNode.run(["--api-key", Self.key, "--anonymous-clients"]) { node in
                for (target, anonymous, authorized) in Self.targets {
                    for (status, field) in [(anonymous, ""), (authorized, "Authorization: Bearer \(Self.key)\r\n")] {
                        let request = "GET \(target) HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\(field)\r\n"
                        let exchange = try await Exchange.with(port: node.process.port, request)
                        #expect(exchange.statuses == [status] && exchange.isEnded, "\(Exchange.printable(target)) \(field)")
                        // Without credentials no answer contains a connection, whatever its status.
                        #expect(!field.isEmpty || !exchange.text.contains(#""connectedAt":""#), "\(Exchange.printable(target))")
                    }
                }
            }
        }

        /// Request lines, with the status of the only answer.
        private static let lines: [(line: String, status: Int)] = [
            ("get /livez HTTP/1.1", 400), ("Get /livez HTTP/1.1", 400), ("GETGET /livez HTTP/1.1", 400),
            (" GET /livez HTTP/1.1", 400),
            ("GET\t/livez\tHTTP/1.1", 400), ("GET /livez HTTP/1.1 ", 400), ("GET /li vez HTTP/1.1", 400), ("GET /livez", 400),
            ("GET /livez HTTP/0.9", 400), ("GET /livez HTTP/1.2", 400), ("GET /livez HTTP/2.0", 400), ("GET /livez HTTP/3", 400),
            ("GET /livez http/1.1", 400), ("GET /livez HTTP/01.1", 400), ("GET /livez HTTP/1.1x", 400),
            ("GET /livez HTTP/1,1", 400),
            ("GET /livez HTTP/1.10", 400), ("PRI * HTTP/2.0", 400), ("TRACK /livez HTTP/1.1", 400), ("FOO /livez HTTP/1.1", 400),
            ("G\u{0}T /livez HTTP/1.1", 400), ("G\u{C9}T /livez HTTP/1.1", 400), ("\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\u{0}", 400),
            ("SSH-2.0-x", 400), ("\(String(repeating: "A", count: 9000)) / HTTP/1.1", 400), ("GET /livez HTTP/1.0", 200),
            ("TRACE /livez HTTP/1.1", 405), ("TRACE /api/connections HTTP/1.1", 401), ("CONNECT h:443 HTTP/1.1", 501),
            ("CONNECT /livez HTTP/1.1", 501), ("M-SEARCH * HTTP/1.1", 501), ("OPTIONS * HTTP/1.1", 404),
            ("PUT /livez HTTP/1.1", 405),
            ("HEAD /api/connections HTTP/1.1", 401), ("DELETE /api/connections HTTP/1.1", 401), ("PROPFIND / HTTP/1.1", 405),
            ("PURGE /livez HTTP/1.1", 405), ("SOURCE /x HTTP/1.1", 401),
        ]

        @Test func `A request line gets one answer, and methods are not confused`() async throws {
            try await HostileNode.run(["--api-key", Self.key, "--anonymous-clients"]) { node in
                for (line, status) in Self.lines {
                    let request = "\(line)\r\nHost: h\r\nConnection: close\r\n\r\n"
                    let exchange = try await Exchange.with(port: node.process.port, request)
                    #expect(exchange.statuses == [status] && exchange.isEnded, "\(Exchange.printable(line))")
                    #expect(!exchange.text.contains("Host: h"), "an answer that repeats its request: \(Exchange.printable(line))")
                }
            }
        }

        /// Targets of handshakes; 101 means a WebSocket.
        private static let handshakes: [(target: String, status: Int)] = [
            ("/ws", 101), ("/ws/", 101), ("/ws?", 101), ("/ws?a=%00", 101), ("/echo", 101), ("http://h/ws", 101), ("/ws//", 404),
            ("/WS", 404), ("/ws%00", 404), ("/%77s", 404), ("/ws%2f", 404), ("//ws", 404), ("/ws;a", 404), ("/ws/.", 404),
            ("/./ws", 404),
            ("/x/../ws", 404), ("/ws#x", 404), ("ws://h/ws", 400), ("/ws/..", 404), ("/echo%20", 404), ("/api/connections", 404),
            ("/livez", 404), ("*", 404), ("/ws?user=a", 403), ("/ws?user=a&user=b", 403), ("/ws?user=%ff", 403),
            ("/ws?welcome=on&welcome=off", 400), ("/ws?\(String(repeating: "a&", count: 3000))", 101),
        ]

        @Test func `A handshake succeeds only on the exact paths`() async throws {
            try await HostileNode.run { node in
                for (target, status) in Self.handshakes {
                    // After a successful handshake, a close frame is sent, so that the connection ends.
                    let bytes = HandshakeRequest.text(target) + (status == 101 ? Exchange.closeFrame : "")
                    let exchange = try await Exchange.with(port: node.process.port, bytes)
                    #expect(exchange.statuses == [status] && exchange.isEnded, "\(Exchange.printable(target))")
                }
            }
        }
    }
}
