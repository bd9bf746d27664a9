import TestSupport
import Testing

extension HostileTables {
    /// Headers of proxies about the client's address, and the same headers from others.
    @Suite
    struct ProxyHeaderTables {
        private static let signature = "\r\n\r\n\0\r\nQUIT\n"
        private static let addresses = "\u{C0}\0\u{2}\u{1}\u{A}\0\0\u{1}\u{1}\u{2}\0\u{50}"

        /// The first bytes of a trusted proxy, before a request. An invalid header gets no answer.
        private static let headers: [(name: String, bytes: String, statuses: [Int])] = [
            ("version 1", "PROXY TCP4 192.0.2.1 10.0.0.1 4711 80\r\n", [200]),
            ("with IPv6", "PROXY TCP6 2001:db8::1 ::1 4711 80\r\n", [200]),
            ("unknown", "PROXY UNKNOWN\r\n", [200]), ("unknown, with more", "PROXY UNKNOWN x y z\r\n", [200]), ("none", "", []),
            ("in lower case", "proxy TCP4 192.0.2.1 10.0.0.1 4711 80\r\n", []),
            ("for UDP", "PROXY UDP4 192.0.2.1 10.0.0.1 4711 80\r\n", []),
            ("without ports", "PROXY TCP4 192.0.2.1 10.0.0.1\r\n", []),
            ("with an additional word", "PROXY TCP4 192.0.2.1 10.0.0.1 4711 80 x\r\n", []),
            ("with two spaces", "PROXY  TCP4 192.0.2.1 10.0.0.1 4711 80\r\n", []),
            ("with tabs", "PROXY\tTCP4\t192.0.2.1\t10.0.0.1\t4711\t80\r\n", []),
            ("port 65536", "PROXY TCP4 192.0.2.1 10.0.0.1 65536 80\r\n", []),
            ("port 080", "PROXY TCP4 192.0.2.1 10.0.0.1 4711 080\r\n", []),
            ("port -1", "PROXY TCP4 192.0.2.1 10.0.0.1 -1 80\r\n", []),
            ("port +80", "PROXY TCP4 192.0.2.1 10.0.0.1 4711 +80\r\n", []),
            ("an invalid address", "PROXY TCP4 192.0.2.256 10.0.0.1 4711 80\r\n", []),
            ("a short address", "PROXY TCP4 192.0.2 10.0.0.1 4711 80\r\n", []),
            ("a host name", "PROXY TCP4 localhost 10.0.0.1 4711 80\r\n", []),
            ("IPv6 as TCP4", "PROXY TCP4 ::1 10.0.0.1 4711 80\r\n", []),
            ("IPv4 as TCP6", "PROXY TCP6 192.0.2.1 ::1 4711 80\r\n", []),
            ("an address with a zone", "PROXY TCP6 fe80::1%lo ::1 4711 80\r\n", []),
            ("a line that ends with LF", "PROXY TCP4 192.0.2.1 10.0.0.1 4711 80\n", []),
            ("a NUL", "PROXY TCP4 192.0.2.1\0 10.0.0.1 4711 80\r\n", []),
            ("a long line", "PROXY UNKNOWN \(String(repeating: "x", count: 200))\r\n", []),
            ("two of version 1", "PROXY UNKNOWN\r\nPROXY UNKNOWN\r\n", [400]),
            ("version 2", "\(signature)\u{21}\u{11}\0\u{C}\(addresses)", [200]),
            ("a health check", "\(signature)\u{20}\0\0\0", [200]),
            ("without a family", "\(signature)\u{21}\0\0\u{3}abc", [200]),
            ("with an extension", "\(signature)\u{21}\u{11}\0\u{10}\(addresses)\u{4}\0\u{1}x", [200]),
            ("two of version 2", "\(signature)\u{20}\0\0\0\(signature)\u{20}\0\0\0", [400]),
            ("version 3", "\(signature)\u{31}\u{11}\0\u{C}\(addresses)", []),
            ("an unknown command", "\(signature)\u{22}\u{11}\0\u{C}\(addresses)", []),
            ("for UDP, version 2", "\(signature)\u{21}\u{12}\0\u{C}\(addresses)", []),
            ("for a Unix socket", "\(signature)\u{21}\u{31}\0\u{D8}\(String(repeating: "x", count: 216))", []),
            ("too short for its family", "\(signature)\u{21}\u{11}\0\u{4}abcd", []),
            ("IPv6 that is too short", "\(signature)\u{21}\u{21}\0\u{C}\(addresses)", []),
            ("longer than allowed", "\(signature)\u{21}\u{11}\u{FF}\u{FF}\(addresses)", []),
            ("one byte too long", "\(signature)\u{21}\0\u{10}\u{1}", []),
            ("half an extension", "\(signature)\u{21}\u{11}\0\u{F}\(addresses)\u{4}\0\u{9}", []),
            ("a broken signature", "\r\n\r\n\0\r\nQUIX\n\u{20}\0\0\0", []),
            ("TLS", "\u{16}\u{3}\u{1}\u{2}\0", []), ("HTTP", "GET /livez HTTP/1.1\r\nHost: h\r\n\r\n", []),
        ]

        @Test func `A trusted proxy sends a complete PROXY header first, or the connection ends without an answer`()
            async throws
        {
            let options = ["--proxy-protocol", "on", "--trusted-proxies", "127.0.0.1", "--handshake-timeout", "500ms"]
            let own = Array("PROXY TCP4 192.0.2.9 10.0.0.1 4711 80\r\n".utf8)
            try await HostileNode.run(options, preface: own) { node in
                for (name, bytes, statuses) in Self.headers {
                    let request = "GET /livez HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
                    let exchange = try await Exchange.with(port: node.process.port, bytes + request)
                    #expect(exchange.statuses == statuses && exchange.isEnded, "\(name): \(exchange.text)")
                }
            }
        }

        /// Header fields with which an untrusted client claims another address.
        private static let claims = [
            "X-Forwarded-For: 203.0.113.7\r\n", "X-Forwarded-For: 127.0.0.2\r\n", "X-Forwarded-For: nonsense\r\n",
            "Forwarded: for=203.0.113.7\r\n",
            "X-Real-IP: 203.0.113.7\r\n", "True-Client-IP: 203.0.113.7\r\n", "CF-Connecting-IP: 203.0.113.7\r\n",
            "Client-IP: 203.0.113.7\r\n",
            "X-Forwarded-For: 203.0.113.7\r\nForwarded: for=203.0.113.7\r\nVia: 1.1 proxy\r\n",
            "X_Forwarded_For: 203.0.113.7\r\n",
        ]

        @Test func `Only a trusted proxy may state the client's address`() async throws {
            // The well-behaved clients use two connections of their address's limit; two more are opened here.
            let options = ["--max-connections-per-address", "4", "--trusted-proxies", "192.0.2.200"]
            try await HostileNode.run(options) { node in
                var others: [WebSocketTestClient] = []
                for _ in 0..<2 {
                    let came = await eventually {
                        guard let client = try? await WebSocketTestClient.connect(port: node.process.port, path: "/echo") else {
                            return false
                        }
                        others.append(client)
                        return true
                    }
                    try #require(came)
                }
                for claim in Self.claims {
                    let exchange = try await Exchange.with(
                        port: node.process.port,
                        HandshakeRequest.text("/ws", claim) + Exchange.closeFrame
                    )
                    #expect(exchange.statuses == [429] && exchange.isEnded, "\(claim): \(exchange.text)")
                }
                for other in others { await other.disconnect() }
            }
        }

        /// Header fields of a trusted proxy's handshakes. The address 192.0.2.77 has reached its limit: 429.
        private static let hops: [(fields: String, status: Int)] = [
            ("X-Forwarded-For: 192.0.2.1\r\n", 101), ("X-Forwarded-For: 192.0.2.77\r\n", 429),
            // The last hop that is not a trusted proxy counts; the elements before it are not trusted.
            ("X-Forwarded-For: 203.0.113.7, 192.0.2.77\r\n", 429), ("X-Forwarded-For: 192.0.2.77, 203.0.113.7\r\n", 101),
            ("X-Forwarded-For: 192.0.2.77, 127.0.0.1\r\n", 429), ("X-Forwarded-For: nonsense, 192.0.2.77\r\n", 429),
            ("X-Forwarded-For: 203.0.113.7\r\nX-Forwarded-For: 192.0.2.77\r\n", 429),
            ("X-Forwarded-For: 192.0.2.77\r\nX-Forwarded-For: 203.0.113.7\r\n", 101),
            // Other forms of the same address.
            ("X-Forwarded-For: ::ffff:192.0.2.77\r\n", 429), ("X-Forwarded-For: ::ffff:c000:24d\r\n", 429),
            ("X-Forwarded-For: 192.0.2.77:4711\r\n", 429),
            ("X-Forwarded-For: [::ffff:192.0.2.77]:4711\r\n", 429), ("X-Forwarded-For:\t192.0.2.77 \r\n", 429),
            // Invalid addresses.
            ("X-Forwarded-For: nonsense\r\n", 400), ("X-Forwarded-For: 192.0.2.077\r\n", 400),
            ("X-Forwarded-For: 0xc0.0.2.77\r\n", 400),
            ("X-Forwarded-For: 192.0.2\r\n", 400), ("X-Forwarded-For: 3221226061\r\n", 400),
            ("X-Forwarded-For: 192.0.2.1.\r\n", 400),
            ("X-Forwarded-For: \"192.0.2.1\"\r\n", 400), ("X-Forwarded-For: 192.0.2.1, nonsense\r\n", 400),
            ("X-Forwarded-For: [192.0.2.1\r\n", 400),
            ("X-Forwarded-For: 192.0.2.1:99999999\r\n", 400), ("X-Forwarded-For: \u{E4}\r\n", 400),
            // The other header field is ignored.
            ("Forwarded: for=192.0.2.77\r\n", 101), ("X-Forwarded-For: 192.0.2.1\r\nForwarded: for=192.0.2.77\r\n", 101),
            ("X-Forwarded-For: \(String(repeating: "203.0.113.7, ", count: 1000))192.0.2.77\r\n", 429),
        ]

        @Test func `The last hop of a trusted proxy's header counts, in any form`() async throws {
            let options = ["--max-connections-per-address", "2", "--trusted-proxies", "127.0.0.1"]
            try await HostileNode.run(options, headers: ["X-Forwarded-For": "192.0.2.77"]) { node in
                for (fields, status) in Self.hops {
                    let exchange = try await Exchange.with(
                        port: node.process.port,
                        HandshakeRequest.text("/ws", fields) + Exchange.closeFrame
                    )
                    #expect(exchange.statuses == [status] && exchange.isEnded, "\(Exchange.printable(fields)): \(exchange.text)")
                }
            }
        }
    }
}
