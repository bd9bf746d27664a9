import Foundation
import TestSupport
import Testing

extension HostileTables {
    /// Resources that a node shares with others, and its environment at the start.
    @Suite
    struct EnvironmentTables {
        // MARK: - Clocks

        /// How far the wall clock is off, in seconds.
        private static let skews: [(name: String, seconds: Int64)] = [
            ("an hour ahead", 3600), ("an hour behind", -3600), ("correct again", 0), ("a day ahead", 86_400),
            ("ten years ahead", 10 * 365 * 86_400),
            ("ten years behind", -10 * 365 * 86_400), ("in 1970", -Int64(Date().timeIntervalSince1970) + 5),
            ("before 1970", -Int64(Date().timeIntervalSince1970) - 86_400),
            ("in 2106", 0xFFFF_FFFF - Int64(Date().timeIntervalSince1970)),
            ("in the year 9000", 7000 * 365 * 86_400), ("in the year 30000", 28_000 * 365 * 86_400), ("correct at the end", 0),
        ]

        @Test func `A wall clock that jumps ends no connection and loses no message; only tokens depend on it`() async throws {
            let redis = try RedisServer.start()
            defer { redis.stop() }
            let clock = try SkewedClock()
            defer { clock.remove() }
            let forge = try TokenForge()
            let secret = try TemporaryFile(TokenForge.secret)
            let now = Int(Date().timeIntervalSince1970)
            let claims = TokenCase.claims(
                now: now,
                ["exp": "\(now + 1800)", "nbf": "\(now - 1800)", "aud": nil, "permissions": #"["read","send"]"#]
            )
            let token = try forge.token(TokenCase.hs256, claims, .secret)
            let options = [
                "--redis", redis.url, "--lease", "1s", "--canary-interval", "200ms", "--jwt-key", secret.path,
                "--anonymous-clients",
            ]
            let environment = clock.environment.merging(["VOLARY_API_KEY": "correct-horse-battery"]) { $1 }
            try await HostileNode.run(options, environment: environment) { node in
                let http = HTTPTestClient(port: node.process.port)
                let client = try await WebSocketTestClient.connect(port: node.process.port, path: "/echo")
                for (name, seconds) in Self.skews {
                    try clock.set(seconds)
                    // Longer than the lease, several canaries and several heartbeats.
                    try await Task.sleep(for: .milliseconds(1300))
                    #expect(await node.status(of: "/readyz") == 200, "\(name)")
                    let byToken = try await http.request("GET", "/api/nodes", headers: ["authorization": "Bearer \(token)"])
                    #expect(byToken.status == (abs(seconds) < 1800 ? 200 : 401), "\(name): \(byToken.body)")
                    let push = try await http.request(
                        "POST",
                        "/api/users/nobody/send",
                        headers: ["authorization": "Bearer correct-horse-battery"],
                        body: #"{"message":"x"}"#
                    )
                    #expect(push.status == 200, "\(name): \(push.body)")
                    let nodes = try await http.request(
                        "GET",
                        "/api/nodes",
                        headers: ["authorization": "Bearer correct-horse-battery"]
                    )
                    #expect(
                        nodes.body.contains(#""live":true"#) && !nodes.body.contains(#""live":false"#),
                        "\(name): \(nodes.body)"
                    )
                    try await client.send("at \(name)")
                    #expect(try await client.next(within: .seconds(5)) == .text("at \(name)"))
                    try await node.expectOtherClientsUnaffected("\(name)")
                }
                await client.disconnect()
            }
        }

        // MARK: - Descriptors

        /// How a shell starts the node: with unusual descriptors 0 to 2.
        private static let descriptors: [(name: String, command: String)] = [
            ("no standard input", "exec \"$0\" \"$@\" <&-"), ("no standard error", "exec \"$0\" \"$@\" 2>&-"),
            ("no descriptors", "exec \"$0\" \"$@\" <&- >&- 2>&-"),
            ("read-only output", "exec \"$0\" \"$@\" 1</dev/null 2</dev/null"),
            ("a full device for input", "exec \"$0\" \"$@\" </dev/full"), ("endless input", "exec \"$0\" \"$@\" </dev/zero"),
            ("a directory for input", "exec \"$0\" \"$@\" </"),
            ("its own memory for output", "exec \"$0\" \"$@\" >/proc/self/mem"),
        ]

        @Test func `With any standard input and output, nothing of them reaches clients`() async throws {
            for (name, command) in Self.descriptors {
                try await HostileNode.run(["--log-level", "trace"], through: ["/bin/bash", "-c", command]) { node in
                    for round in 0..<20 {
                        // Produces a log line, and a connection that may get a low descriptor.
                        node.process.signal(SIGUSR1)
                        let exchange = try await Exchange.with(
                            port: node.process.port,
                            "GET /livez HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
                        )
                        #expect(
                            exchange.statuses == [200] && exchange.text.hasSuffix("\r\n\r\n{\"live\":true}"),
                            "\(name): \(exchange.text)"
                        )
                        #expect(exchange.text.hasPrefix("HTTP/1.1 200 "), "\(name), \(round): \(exchange.text)")
                    }
                }
            }
        }

        // MARK: - Two clusters in one Redis

        /// Prefixes of two clusters. In some pairs one is the beginning of the other, or part of a key's name.
        private static let prefixes = [("volary", "volary2"), ("a", "a.b"), ("volary-node", "volary"), ("x", "X")]

        @Test(arguments: Self.prefixes)
        func `Two clusters in one Redis are isolated from each other, even with the same names`(
            _ one: String,
            _ other: String
        ) async throws {
            let redis = try RedisServer.start()
            defer { redis.stop() }
            let options = ["--redis", redis.url, "--insecure-user-query", "--redis-prefix"]
            try await HostileNode.run(options + [one]) { node in
                // It has the same name as the first node.
                let twin = try await VolaryProcess.start(HostileNode.quiet + options + [other])
                defer { twin.kill() }
                let http = HTTPTestClient(port: twin.port)
                let client = try await WebSocketTestClient.connect(port: twin.port, path: "/ws?user=ann")
                #expect(
                    await eventually {
                        (try? await http.request("GET", "/api/connections"))?.body.contains(#""count":1"#) == true
                    }
                )
                for path in ["/api/connections/broadcast", "/api/users/ann/send"] {
                    let push = try await http.request(
                        "POST",
                        path,
                        headers: ["Idempotency-Key": "one"],
                        body: #"{"message":"ours"}"#
                    )
                    #expect(push.status == (path.hasPrefix("/api/users") ? 422 : 200), "\(push.body)")
                    guard push.status == 200 else { continue }
                    #expect(push.body.contains(#""recipients":1}"#) && !push.body.contains(#""degraded":true"#), "\(push.body)")
                    guard case .text(let text) = try await client.next() else { throw WebSocketTestClient.Failure.ended }
                    #expect(text.contains("ours"))
                }
                try await client.send([1, 2, 3])
                #expect(try await client.next() == .binary([1, 2, 3]))
                // The first cluster has its own list, users, keys and nodes.
                let first = HTTPTestClient(port: node.process.port)
                let list = try await first.request("GET", "/api/connections")
                #expect(list.body.contains(#""count":1"#) && !list.body.contains(#""user":"ann""#), "\(list.body)")
                let nodes = try await first.request("GET", "/api/nodes")
                #expect(nodes.body.contains(#""count":1"#), "\(nodes.body)")
                let push = try await first.request(
                    "POST",
                    "/api/users/ann/send",
                    headers: ["Idempotency-Key": "one"],
                    body: #"{"message":"theirs"}"#
                )
                #expect(push.status == 200 && push.body.contains(#""recipients":0}"#), "\(push.body)")
                // When the second node stops, only its own cluster is affected: the listener is told nothing.
                #expect(await twin.terminate(within: .seconds(15)) == 0)
                #expect(client.waiting == 0)
                try await node.expectOtherClientsUnaffected()
            }
        }
    }
}
