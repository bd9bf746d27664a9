import TestSupport
import Testing

extension RealProcesses {
    /// One node without Redis.
    @Suite
    struct SingleNodeTests {
        @Test
        func `It is ready, and the only node`() async throws {
            try await withSingleNode { node in
                let readiness: Readiness = try await node.get("/readyz")
                #expect(readiness.ready && !readiness.draining)
                #expect([readiness.relay.state, readiness.presence.state] == ["up", "up"])
                let list: NodeList = try await node.get("/api/nodes")
                #expect(list.nodes.map(\.name) == ["solo"])
                #expect(list.complete)
            }
        }

        @Test
        func `Messages reach everyone once and in one order, the echo its sender, binary one copy each`() async throws {
            try await withSingleNode { node in
                let clients = try await node.connect(5)
                let sender = clients[0]
                let texts = (0..<300).map { "message \($0)" }
                try await sender.send(texts)
                try await sender.send([1, 2, 3])
                try await sender.see { $0 == .binary([1, 2, 3]) }
                #expect(try await node.broadcast("the end").recipients == 5)
                for client in clients.dropFirst() {
                    let seen = try await client.everything(until: "the end")
                    #expect(seen.dropLast().map(\.message) == texts)
                    #expect(seen.last == .binary([1, 2, 3]))
                    #expect(seen.dropLast().allSatisfy { $0.type == "message" })
                    #expect(Set(seen.dropLast().map(\.from)).count == 1)
                }
                #expect(try await sender.everything(until: "the end").isEmpty)
            }
        }

        @Test
        func `Joins and leaves are announced`() async throws {
            try await withSingleNode(options: []) { node in
                let watcher = try await node.connect()
                try await watcher.see { $0.type == "system" && $0.message?.hasSuffix(" joined.") == true }
                let client = try await node.connect()
                let joined = try await watcher.see { $0.type == "system" }
                await client.disconnect()
                let left = try await watcher.see { $0.type == "system" }
                #expect(left.message == joined.message?.replacing(" joined.", with: " left."))
            }
        }

        @Test
        func `List, get, send, close and 404 work as in a cluster`() async throws {
            try await withSingleNode { node in
                let clients = try await node.connect(3)
                let listed = try await eventually { try await node.count() == 3 }
                #expect(listed)
                let items = try await node.inventory(pageSize: 2)
                #expect(items.count == 3)
                #expect(items.allSatisfy { $0.node == "solo" })
                let id = try #require(items.first?.id)
                #expect(try await node.get("/api/connections/\(id)", as: ConnectionList.Item.self) == items[0])

                let response = try await node.send("only you", to: id)
                #expect(response.status == 200)
                #expect(try response.decode(Receipt.self).recipients == 1)
                #expect(try await node.broadcast("the end").recipients == 3)
                var reached: [WebSocketTestClient] = []
                for client in clients where try await client.everything(until: "the end") == [.broadcast("only you")] {
                    reached.append(client)
                }
                let target = try #require(reached.first)
                #expect(reached.count == 1)

                #expect(try await node.request("DELETE", "/api/connections/\(id)?code=4000&reason=enough").status == 204)
                #expect(await target.closed() == 4000)
                #expect(target.closeReason == "enough")
                let gone = try await eventually { try await node.count() == 2 }
                #expect(gone)
                #expect(try await node.request("GET", "/api/connections/\(id)").status == 404)
                #expect(try await node.request("DELETE", "/api/connections/\(id)").status == 404)
                #expect(try await node.send("gone?", to: id).status == 404)
            }
        }

        @Test
        func `A client that does not read is given up, and nobody waits for it`() async throws {
            try await withSingleNode(options: Cluster.quiet + ["--max-unsent", "64KiB", "--close-timeout", "1s"]) { node in
                let slow = try await RawTestClient.connect(port: node.process.port)
                try await slow.send(HandshakeTests.request("/ws"))
                #expect(await eventually { slow.received.contains("101 Switching Protocols") })
                try await slow.stopReading()
                let sender = try await node.connect()
                let listener = try await node.connect()
                let listed = try await eventually { try await node.count() == 3 }
                #expect(listed)
                // More than the kernel holds for one connection.
                let payload = [UInt8](repeating: 9, count: 1_000_000)
                for _ in 0..<40 {
                    try await sender.send(payload)
                    #expect(try await sender.see() == .binary(payload))
                    #expect(try await listener.see() == .binary(payload))
                }
                let gone = try await eventually { try await node.count() == 2 }
                #expect(gone)
                #expect(try await node.broadcast("to those who listen").recipients == 2)
            }
        }

        @Test
        func `SIGTERM closes its clients with 1012 and ends with 0`() async throws {
            let process = try await VolaryProcess.start(Cluster.quiet)
            let node = TestNode(name: "solo", process: process)
            let clients = try await node.connect(10)
            // Clients that answer are not waited for until the drain timeout.
            #expect(await process.terminate(within: .seconds(5)) == 0)
            for client in clients { #expect(await client.closed() == 1012) }
            #expect(!process.output.contains("Cannot schedule tasks"))
        }
    }
}
