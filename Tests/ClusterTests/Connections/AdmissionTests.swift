import TestSupport
import Testing

extension RealProcesses {
    /// How many connections a node takes.
    @Suite
    struct AdmissionTests {
        private func open(_ node: TestNode, _ lines: String = "", before: [UInt8] = []) async throws -> RawTestClient {
            let client = try await RawTestClient.connect(port: node.process.port)
            let request = HandshakeTests.request("/echo").replacing("\r\n\r\n", with: "\r\n\(lines)\r\n")
            try await client.send(bytes: before + Array(request.utf8))
            return client
        }

        /// The status of the answer to a handshake on a connection of its own, which it ends.
        private func tried(_ node: TestNode, before: [UInt8] = []) async -> Int? {
            guard let client = try? await self.open(node, before: before) else { return nil }
            return await self.status(client)
        }

        /// The status of the first answer; nil when the connection ends without one.
        private func status(_ client: RawTestClient) async -> Int? {
            _ = await eventually { client.received.contains("\r\n\r\n") || client.isEnded }
            return Int(client.received.dropFirst(9).prefix(3))
        }

        @Test
        func `A WebSocket past the limit is answered 503, health checks are answered, and a place is free again when one goes`()
            async throws
        {
            try await withSingleNode(options: Cluster.quiet + ["--max-connections", "3"]) { node in
                let clients = [try await node.connect("/echo"), try await node.connect("/ws")]
                let third = try await self.open(node)
                #expect(await self.status(third) == 101)
                let fourth = try await self.open(node)
                #expect(await self.status(fourth) == 503)
                #expect(fourth.received.lowercased().contains("retry-after: 5\r\n"))
                #expect(fourth.received.contains("urn:volary:problem:too-many-connections"))
                for _ in 0..<20 { #expect(try await node.request("GET", "/livez").status == 200) }
                #expect(clients.allSatisfy { !$0.isEnded })
                await clients[0].disconnect()
                #expect(await eventually { (try? await node.metric("volary_sockets")).map { $0 <= 3 } == true })
                #expect(await self.status(try await self.open(node)) == 101)
            }
        }

        @Test
        func `Sockets that say nothing have places too, and those past the reserve are closed at once`() async throws {
            try await withSingleNode(options: Cluster.quiet + ["--max-connections", "5"]) { node in
                var clients: [RawTestClient] = []
                for _ in 0..<30 { clients.append(try await RawTestClient.connect(port: node.process.port)) }
                // Five, and a reserve of four.
                let sockets = clients
                #expect(await eventually(within: .seconds(5)) { sockets.count { $0.isEnded } == 21 })
            }
        }

        @Test
        func `One address has its limit; behind a trusted proxy, each client's address has`() async throws {
            let options = Cluster.quiet + ["--max-connections-per-address", "1"]
            try await withSingleNode(options: options) { node in
                // The node is asked for its readiness from the same address.
                #expect(await eventually { await self.tried(node) == 101 })
            }
            try await withSingleNode(options: options + ["--trusted-proxies", "127.0.0.1"]) { node in
                let one = try await self.open(node, "X-Forwarded-For: 192.0.2.1\r\n")
                #expect(await self.status(one) == 101)
                let again = try await self.open(node, "X-Forwarded-For: 198.51.100.1, 192.0.2.1\r\n")
                #expect(await self.status(again) == 429)
                #expect(await self.status(try await self.open(node, "X-Forwarded-For: 192.0.2.2\r\n")) == 101)
                #expect(await self.status(try await self.open(node, "X-Forwarded-For: nonsense\r\n")) == 400)
            }
        }

        @Test
        func `PROXY headers of a trusted proxy are read, versions 1 and 2; others' are no HTTP`() async throws {
            let options = Cluster.quiet + ["--max-connections-per-address", "1", "--proxy-protocol", "on"]
            let signature: [UInt8] = [13, 10, 13, 10, 0, 13, 10, 81, 85, 73, 84, 10]
            let address: [UInt8] = [192, 0, 2, 1, 10, 0, 0, 1, 1, 2, 0, 80]
            let one = Array("PROXY TCP4 192.0.2.1 10.0.0.1 4711 80\r\n".utf8)
            let two = signature + [0x21, 0x11, 0, 12] + address
            let own = signature + [0x20, 0, 0, 0]
            let process = try await VolaryProcess.start(options + ["--trusted-proxies", "127.0.0.0/8"], until: .running)
            let node = TestNode(name: "", process: process)
            #expect(await eventually { await self.tried(node, before: own) == 101 })
            let client = try await self.open(node, before: one)
            #expect(await self.status(client) == 101)
            #expect(await self.status(try await self.open(node, before: two)) == 429)
            let garbage = try await self.open(node)
            #expect(await self.status(garbage) == nil)
            #expect(!client.isEnded)
            process.kill()
            try await withSingleNode(options: options + ["--trusted-proxies", "192.0.2.200"]) { node in
                let liar = try await self.open(node, before: one)
                #expect(await self.status(liar) == 400)
            }
        }

        @Test
        func `Without file descriptors a node waits, does nothing else for it, and its clients and its link to Redis live on`()
            async throws
        {
            let redis = try RedisServer.start()
            defer { redis.stop() }
            let process = try await VolaryProcess.start(
                Cluster.quiet + [
                    "--redis", redis.url, "--threads", "2", "--max-connections", "10000", "--handshake-timeout", "60s",
                ],
                openFiles: 100,
                // Whoever starts it leaves it files of its own: the node does not know of these.
                through: [
                    "/bin/bash", "-c",
                    "for file in {100..149}; do eval \"exec $((file - 80))<> /dev/null\"; done; exec \"$0\" \"$@\"",
                ]
            )
            defer { process.kill() }
            let node = TestNode(name: "", process: process)
            let client = try await node.connect()
            let start = ContinuousClock.now
            var crowd: [RawTestClient] = []
            for _ in 0..<200 { crowd.append(try await RawTestClient.connect(port: process.port)) }
            #expect(await eventually { process.output.contains("Cannot accept connections") })
            #expect(process.output.contains("volary.error=Too many open files "))
            for round in 0..<10 {
                try await client.send("round \(round)")
                #expect(try await client.see { $0.type == "message" }.message == "round \(round)")
                try await Task.sleep(for: .milliseconds(100))
            }
            #expect(process.isRunning)
            crowd.removeAll()
            #expect(await eventually(within: .seconds(20)) { await node.isReady() })
            let pauses = try #require(try await node.metric("volary_accept_pauses_total"))
            let elapsed = Int((ContinuousClock.now - start) / .milliseconds(100))
            #expect((5...elapsed + 5).contains(pauses), "\(pauses) in \(elapsed) tenths of a second")
            #expect(try await node.connect("/echo").isEnded == false)
        }

        @Test(arguments: [43, 60, 100])
        func `A limit of open files below max-connections lowers it, and says how many are needed`(files: Int) async throws {
            let process = try await VolaryProcess.start(
                Cluster.quiet + ["--threads", "2", "--max-connections", "1000"],
                openFiles: files
            )
            let node = TestNode(name: "", process: process)
            #expect(process.output.contains("and 1000 need 1102 (ulimit -n)"), "\(process.output)")
            var crowd: [RawTestClient] = []
            for _ in 0..<200 { crowd.append(try await RawTestClient.connect(port: process.port)) }
            #expect(await eventually { crowd.count { !$0.isEnded } <= files - 38 })
            crowd.removeAll()
            #expect(await eventually(within: .seconds(20)) { await node.isReady() })
            #expect(try await node.metric("volary_sockets_max") == [43: 1, 60: 18, 100: 50][files])
            #expect(await process.terminate(within: .seconds(10)) == 0)
        }

        @Test(arguments: [(42, "2", 43), (60, "24", 109)])
        func `A limit of open files with no room for a node: one line that says how many it needs, and 78`(
            files: Int,
            threads: String,
            needed: Int
        ) async throws {
            let (status, output, errors) = try await VolaryProcess.run(
                ["--threads", threads, "--port", "0"],
                through: ["/bin/sh", "-c", "ulimit -n \(files) && exec \"$0\" \"$@\""]
            )
            #expect(status == 78 && output.isEmpty, "\(output)")
            #expect(
                errors
                    == "volary: the limit of open files is \(files), and a node with --threads \(threads) needs \(needed): raise it (ulimit -n)\n"
            )
        }

        @Test
        func `Requests past the limit are answered 503; health checks are not among them`() async throws {
            try await Cluster.run(nodes: 2, options: Cluster.quiet + ["--max-requests", "2"]) { cluster in
                let (a, b) = (cluster.a, cluster.b)
                b.process.freeze()
                let push = "/api/connections/broadcast"
                // Each waits for the frozen node's receipt; one that finds no place tries again.
                let waiting = (0..<3).map { _ in
                    Task {
                        while !Task.isCancelled {
                            _ = try? await a.request("POST", push + "?timeout=4s", body: #"{"message":"waits"}"#)
                            try? await Task.sleep(for: .milliseconds(50))
                        }
                    }
                }
                var refusal: HTTPTestResponse?
                let isFull = await eventually {
                    refusal = try? await a.request("POST", push, body: #"{"message":"x"}"#)
                    return refusal?.status == 503
                }
                #expect(isFull)
                let refused = try #require(refusal)
                #expect(refused[header: "retry-after"] == "1")
                #expect(try refused.decode(Problem.self).type == "urn:volary:problem:too-many-requests")
                for path in ["/livez", "/readyz", "/metrics"] { #expect(try await a.request("GET", path).status == 200) }
                b.process.thaw()
                for task in waiting { task.cancel() }
                for task in waiting { await task.value }
                #expect(await eventually { (try? await a.request("GET", "/api/nodes"))?.status == 200 })
            }
        }
    }
}
