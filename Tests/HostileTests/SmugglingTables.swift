import TestSupport
import Testing

extension HostileTables {
    /// Where one request ends and the next begins, for a node alone, and for a node behind HAProxy.
    @Suite
    struct SmugglingTables {
        @Test func `A node alone answers each request exactly once, and ends the connection`() async throws {
            try await HostileNode.run { node in
                for one in SmugglingCase.all {
                    let exchange = try await Exchange.with(port: node.process.port, one.bytes + SmugglingCase.next)
                    #expect(exchange.statuses == one.statuses && exchange.isEnded, "\(one.name): \(exchange.text)")
                    #expect(
                        exchange.text.contains(SmugglingCase.proof) == (one.statuses.last == 200 && one.statuses.count == 2),
                        "\(one.name)"
                    )
                }
            }
        }

        /// Requests for paths that HAProxy must not pass on.
        private static let denied = [
            "/api/nodes", "//api/nodes", "/./api/nodes", "/x/../api/nodes", "/%61pi/nodes", "/api%2fnodes", "/API/nodes",
            "/;/api/nodes",
            "/%2fapi/nodes", "/livez/../api/nodes", "/livez%0d%0a/api/nodes", "\\api/nodes", "/\\../api/nodes", "/#/../api/nodes",
            "http://h/api/nodes", "http://h//api/nodes", "http://h/./api/nodes", "http://h?/../api/nodes", "HTTP://h/api/nodes",
            "http:/api/nodes", "http:api/nodes", "*/api/nodes", "?/api/nodes", "/ws/../api/nodes", "/swagger/../api/nodes",
        ].map { "GET \($0) HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n" }

        @Test func `If HAProxy denies the API, no smuggled request reaches it`() async throws {
            try await HostileNode.run { node in
                let proxy = try await ProxyServer.start(
                    .haproxyThatReuses,
                    nodes: [node.process.port],
                    rules: ["http-request deny if { path_beg /api }"]
                )
                defer { proxy.stop() }
                for (name, bytes) in SmugglingCase.all.map({ ($0.name, $0.bytes + SmugglingCase.next) })
                    + Self.denied.map({ ($0, $0) })
                {
                    let exchange = try await Exchange.with(port: proxy.port, bytes, endsAfterAnswer: true, within: .seconds(2))
                    #expect(!exchange.text.contains(SmugglingCase.proof), "\(name): \(exchange.text)")
                    // Bytes left on a connection to the node would be in the answer to the next client.
                    let other = try await Exchange.with(
                        port: proxy.port,
                        "GET /livez HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
                    )
                    #expect(other.statuses == [200] && other.text.hasSuffix(#"{"live":true}"#), "\(name): \(other.text)")
                }
            }
        }

        /// Pieces that random mutations insert.
        private static let pieces = [
            "\r\n", "\n", "\r", " ", "\t", "\0", ":", ";", ",", "0", "1", "ffffffff", "\u{B}", "\u{80}", "\u{FF}", "chunked",
            "Content-Length: 0\r\n",
            "Transfer-Encoding: chunked\r\n", "Connection: close\r\n", "GET /api/nodes HTTP/1.1\r\nHost: h\r\n\r\n", "0\r\n\r\n",
            "/", "..", "%2f",
        ]

        private static func changed(_ text: String, _ random: inout SplitMix64) -> String {
            var scalars = Array(text.unicodeScalars)
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                let place = Int.random(in: 0...scalars.count, using: &random)
                let end = min(scalars.count, place + Int.random(in: 0...3, using: &random))
                let piece = random.chance(70) ? self.pieces.randomElement(using: &random) ?? "" : ""
                scalars.replaceSubrange(place..<end, with: piece.unicodeScalars)
            }
            return String(String.UnicodeScalarView(scalars))
        }

        @Test func `If HAProxy denies the API, no random mutation of these requests reaches it`() async throws {
            print("SmugglingTables: VOLARY_TEST_SEED=\(SplitMix64.seed)")
            var random = SplitMix64()
            try await HostileNode.run { node in
                let proxy = try await ProxyServer.start(
                    .haproxyThatReuses,
                    nodes: [node.process.port],
                    rules: ["http-request deny if { path_beg /api }"]
                )
                defer { proxy.stop() }
                for number in 0..<150 {
                    let bytes = Self.changed(
                        (SmugglingCase.all.randomElement(using: &random)?.bytes ?? "") + SmugglingCase.next,
                        &random
                    )
                    let through = try await Exchange.with(
                        port: proxy.port,
                        bytes,
                        endsAfterAnswer: true,
                        within: .milliseconds(200)
                    )
                    let name = "VOLARY_TEST_SEED=\(SplitMix64.seed), \(number): \(Exchange.printable(bytes))"
                    #expect(!through.text.contains(SmugglingCase.proof), "\(name): \(through.text)")
                    _ = try await Exchange.with(port: node.process.port, bytes, endsAfterAnswer: true, within: .milliseconds(200))
                    if number.isMultiple(of: 10) { try await node.expectOtherClientsUnaffected("\(name)") }
                }
            }
        }
    }
}
