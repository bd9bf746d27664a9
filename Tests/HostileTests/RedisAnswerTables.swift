import TestSupport
import Testing

extension HostileTables {
    /// Answers that no Redis gives, or not to these commands.
    @Suite
    struct RedisAnswerTables {
        private static let nested = String(repeating: "*1\r\n", count: 20_000)
        private static let many = String(repeating: "+OK\r\n", count: 100_000)

        /// The bytes that replace each piece of Redis' answers.
        private static let answers: [(name: String, bytes: String)] = [
            ("a status for everything", "+OK\r\n"), ("a number for everything", ":1\r\n"),
            ("a text for everything", "$5\r\nhello\r\n"),
            ("no text", "$-1\r\n"), ("no list", "*-1\r\n"), ("an empty list", "*0\r\n"),
            ("a list of a list", "*1\r\n*1\r\n:1\r\n"),
            ("an empty error", "-\r\n"), ("an error", "-ERR unknown command\r\n"), ("loading", "-LOADING Redis is loading\r\n"),
            ("moved", "-MOVED 3999 127.0.0.1:1\r\n"), ("no permissions", "-NOPERM no permissions\r\n"),
            ("no login", "-NOAUTH Authentication required.\r\n"),
            ("read only", "-READONLY You can't write against a read only replica.\r\n"),
            ("no script", "-NOSCRIPT No matching script.\r\n"),
            ("a long error", "-ERR \(String(repeating: "e", count: 100_000))\r\n"),
            ("a text of 2 GiB", "$2147483647\r\nabc"), ("a text of 2^63", "$9223372036854775808\r\nabc"),
            ("a text of -2", "$-2\r\n"),
            ("a list of 2^31", "*2147483647\r\n:1\r\n"), ("a list of 2^63", "*9223372036854775808\r\n"),
            ("lists in lists", nested),
            ("half an answer", "$10\r\nabc"), ("an endless answer", "+\(String(repeating: "x", count: 100_000))"),
            ("an invalid number", ":1x\r\n"), ("a number that is too large", ":99999999999999999999\r\n"),
            ("a text longer than its length", "$1\r\nabc\r\n"),
            ("a map", "%1\r\n+a\r\n+b\r\n"), ("a push", ">3\r\n+message\r\n+x\r\n+y\r\n"), ("a null", "_\r\n"),
            ("a message of a channel without a subscription", "*3\r\n$8\r\nsmessage\r\n$1\r\nx\r\n$1\r\ny\r\n"),
            ("an acknowledgement without a subscription", "*3\r\n$10\r\nssubscribe\r\n$1\r\nx\r\n:1\r\n"),
            ("HTTP", "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"), ("TLS", "\u{15}\u{3}\u{3}\0\u{2}\u{2}\u{28}"),
            ("empty lines", "\r\n\r\n"), ("NULs", "\0\0\0\0"), ("a hundred thousand answers", many),
        ]

        /// Random bytes that begin like an answer.
        private static func random() -> [(name: String, bytes: String)] {
            var random = SplitMix64()
            return (0..<4).map { number in
                let kind = "+-:$*%>~_,#!=(".randomElement(using: &random).map(String.init) ?? ""
                let tail = random.bytes(Int.random(in: 0...300, using: &random)).map { String(UnicodeScalar($0)) }
                return ("random \(number) of VOLARY_TEST_SEED=\(SplitMix64.seed)", kind + tail.joined())
            }
        }

        @Test func `The node stays alive, serves its clients, reports the error, and recovers with the first valid answers`()
            async throws
        {
            print("RedisAnswerTables: VOLARY_TEST_SEED=\(SplitMix64.seed)")
            let redis = try RedisServer.start()
            defer { redis.stop() }
            let proxy = try await TCPProxy.start(to: redis.port)
            let options = ["--redis", proxy.url, "--canary-interval", "200ms", "--lease", "1s"]
            try await HostileNode.run(options, allowsLossNotices: true, growth: 48 << 20) { node in
                for (name, bytes) in Self.answers + Self.random() {
                    try await proxy.set(.replace(Exchange.bytes(bytes)), [.toClient])
                    #expect(await eventually(within: .seconds(10)) { await node.status(of: "/readyz") == 503 }, "\(name)")
                    // The broker, the presence store, or both are down; the answer gives the reason.
                    let answer = try await HTTPTestClient(port: node.process.port).request("GET", "/readyz")
                    #expect(answer.status == 503 && answer.body.contains(#""reason":""#), "\(name): \(answer.body)")
                    #expect(await node.status(of: "/livez") == 200, "\(name)")
                    try await node.expectOtherClientsUnaffected("\(name)")
                    try await proxy.set(.pass, [.toClient])
                    #expect(await eventually(within: .seconds(15)) { await node.status(of: "/readyz") == 200 }, "\(name)")
                }
            }
            await proxy.stop()
        }
    }
}
