import TestSupport
import Testing

extension RealProcesses {
    /// Clients that are slow on purpose end within their deadline, and nobody else notices.
    @Suite
    struct SlowAttackerTests {
        /// Sends one byte every 50 ms until the server ends the connection.
        /// - Returns: how long that took; nil when it did not within 20 s.
        private func trickle(_ client: RawTestClient, _ bytes: [UInt8]) async -> Duration? {
            let clock = ContinuousClock()
            let start = clock.now
            for byte in bytes {
                // Written into a connection that has ended, they fail.
                try? await client.send(bytes: [byte])
                if client.isEnded { return clock.now - start }
                try? await clock.sleep(for: .milliseconds(50))
                if clock.now - start > .seconds(20) { return nil }
            }
            return await eventually(within: .seconds(20)) { client.isEnded } ? clock.now - start : nil
        }

        private func open(_ node: TestNode, _ path: String) async throws -> RawTestClient {
            let client = try await RawTestClient.connect(port: node.process.port)
            try await client.send(HandshakeTests.request(path))
            let isOpen = await eventually { client.received.contains("\r\n\r\n") }
            try #require(isOpen && client.received.contains(" 101 "), "\(client.received)")
            return client
        }

        /// A masked frame with a key of zeros.
        private func frame(_ opcode: UInt8, _ payload: [UInt8], isFinal: Bool = true) -> [UInt8] {
            [(isFinal ? 0x80 : 0) | opcode, 0x80 | UInt8(payload.count), 0, 0, 0, 0] + payload
        }

        private static let endless = "GET /livez HTTP/1.1\r\nHost: h\r\nX-Long: " + String(repeating: "x", count: 2000)

        @Test(
            arguments: [
                Self.endless, String(repeating: "\r\n", count: 1000),
                HandshakeTests.request("/ws", key: nil).replacing("\r\n\r\n", with: "\r\nX: ")
                    + String(repeating: "x", count: 2000),
            ]
        )
        func `The first header, byte by byte`(_ text: String) async throws {
            try await withSingleNode(options: Cluster.quiet + ["--handshake-timeout", "1s"]) { node in
                let polite = try await node.connect("/echo")
                let client = try await RawTestClient.connect(port: node.process.port)
                let time = try #require(await self.trickle(client, Array(text.utf8)))
                #expect(time > .milliseconds(900))
                try await polite.send("still here")
                #expect(try await polite.next() == .text("still here"))
                #expect(await eventually { (try? await node.metric("volary_sockets")) == 2 }, "polite, and the one that asks")
            }
        }

        @Test
        func `A later header on a connection that has been answered`() async throws {
            try await withSingleNode(options: Cluster.quiet + ["--idle-timeout", "1s"]) { node in
                let client = try await RawTestClient.connect(port: node.process.port)
                try await client.send("GET /livez HTTP/1.1\r\nHost: h\r\n\r\n")
                #expect(await eventually { client.received.hasSuffix(#"{"live":true}"#) })
                #expect(await self.trickle(client, Array(Self.endless.utf8)) != nil)
            }
        }

        @Test(
            arguments: ["/api/connections/broadcast", "/api/connections/00000000000000000000000000000000/send", "/nowhere"]
        )
        func `A body is answered with 408`(_ path: String) async throws {
            try await withSingleNode(options: Cluster.quiet + ["--body-timeout", "1s"]) { node in
                let client = try await RawTestClient.connect(port: node.process.port)
                try await client.send(
                    "POST \(path) HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: 2000\r\n\r\n"
                )
                let time = try #require(await self.trickle(client, .init(repeating: 0x20, count: 2000)))
                #expect(path == "/nowhere" || time > .milliseconds(900))
                #expect(client.received.hasPrefix(path == "/nowhere" ? "HTTP/1.1 404 " : "HTTP/1.1 408 "), "\(client.received)")
                #expect(
                    client.received.split(separator: "HTTP/1.1 ", omittingEmptySubsequences: false).count == 2,
                    "\(client.received)"
                )
                #expect(try await node.request("GET", "/livez").status == 200)
            }
        }

        @Test(arguments: ["/ws", "/echo"])
        func `A message, byte by byte or in empty fragments, is closed with 3008`(_ path: String) async throws {
            try await withSingleNode(options: Cluster.quiet + ["--message-timeout", "1s"]) { node in
                let polite = try await node.connect(path)
                let long = [0x82, 0xFE, 0x10, 0, 0, 0, 0, 0] + [UInt8](repeating: 1, count: 4096)
                let fragments = self.frame(1, [], isFinal: false) + (0..<1000).flatMap { _ in self.frame(0, [], isFinal: false) }
                let pings = self.frame(1, [], isFinal: false) + (0..<1000).flatMap { _ in self.frame(9, []) }
                for bytes in [long, fragments, pings] {
                    let client = try await self.open(node, path)
                    let time = try #require(await self.trickle(client, bytes))
                    #expect(time > .milliseconds(900))
                    #expect(client.received.contains("message took too long to arrive"))
                }
                #expect(try await node.metric("volary_slow_messages_total") == 3)
                #expect(!polite.isEnded)
            }
        }

        @Test
        func `A client that never reads is closed, with bounded memory, while all others get everything at once`() async throws {
            let options = Cluster.quiet + ["--max-unsent-age", "2s", "--max-unsent", "256MiB"]
            try await withSingleNode(options: options) { node in
                let stalled = try await self.open(node, "/ws")
                try await stalled.stopReading()
                let others = try await node.connect(5)
                #expect(await eventually { (try? await node.count()) == 6 })
                // More than the kernel takes for a client that does not read.
                let large = [UInt8](repeating: 7, count: 1 << 20)
                for _ in 0..<24 { try await others[0].send(large) }
                try await others[0].send([1])
                for client in others {
                    for _ in 0..<24 { #expect(try await client.next(within: .seconds(30)) == .binary(large)) }
                    #expect(try await client.next() == .binary([1]))
                }
                #expect(await eventually(within: .seconds(30)) { (try? await node.metric("volary_slow_consumers_total")) == 1 })
                #expect(await eventually(within: .seconds(30)) { (try? await node.count()) == 5 })
                #expect(others.allSatisfy { !$0.isEnded })
            }
        }

        @Test
        func `A client that never reads has no more than its share of memory, however much is said`() async throws {
            try await withSingleNode(options: Cluster.quiet + ["--max-unsent", "64KiB"]) { node in
                let stalled = try await self.open(node, "/ws")
                try await stalled.stopReading()
                let other = try await node.connect()
                #expect(await eventually { (try? await node.count()) == 2 })
                let large = [UInt8](repeating: 7, count: 1 << 20)
                func say(_ count: Int) async throws {
                    for _ in 0..<count {
                        try await other.send(large)
                        #expect(try await other.next(within: .seconds(30)) == .binary(large))
                    }
                }
                try await say(10)
                let before = node.process.residentBytes
                try await say(100)
                #expect(await eventually { (try? await node.metric("volary_slow_consumers_total")) == 1 })
                guard let before, let after = node.process.residentBytes else { return }
                #expect(after - before < 32 << 20, "\(before) \(after)")
            }
        }

        @Test
        func `A client that stays behind its connection's last answer, and goes on sending, is cut after two seconds`()
            async throws
        {
            try await withSingleNode { node in
                for last in [
                    "GET /livez HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", HandshakeTests.request("/ws", version: "8"),
                    "NONSENSE\r\n\r\n",
                    "POST /livez HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n",
                    "GET /livez HTTP/1.1\r\nHost: h\r\n\r\n" + HandshakeTests.request("/nothing"),
                ] {
                    let client = try await RawTestClient.connect(port: node.process.port, allowsHalfClosure: true)
                    try await client.send(last)
                    #expect(await eventually { client.received.contains("connection: close\r\n") }, "\(client.received)")
                    let time = try #require(await self.trickle(client, .init(repeating: 0x61, count: 400)))
                    #expect(time > .seconds(1) && time < .seconds(10), "\(last) \(time)")
                }
            }
        }

        @Test
        func `A REST client that asks and never reads is cut`() async throws {
            try await withSingleNode(options: Cluster.quiet + ["--max-unsent-age", "1s"]) { node in
                let client = try await RawTestClient.connect(port: node.process.port)
                try await client.stopReading()
                let requests = String(repeating: "GET /openapi.json HTTP/1.1\r\nHost: h\r\n\r\n", count: 1000)
                try await client.send(requests)
                #expect(await eventually(within: .seconds(30)) { (try? await node.metric("volary_sockets")) == 1 })
                #expect(try await node.request("GET", "/livez").status == 200)
            }
        }
    }
}
