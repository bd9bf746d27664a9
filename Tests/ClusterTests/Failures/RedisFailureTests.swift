import TestSupport
import Testing

extension RealProcesses {
    /// Redis that goes, comes back empty, or was never there.
    @Suite
    struct RedisFailureTests {
        @Test
        func `While Redis is down nodes say so and serve their own; when it is back, empty, all is as before`() async throws {
            try await Cluster.run { cluster in
                let clients = [
                    try await cluster.a.connect(), try await cluster.a.connect(), try await cluster.b.connect(),
                    try await cluster.c.connect(),
                ]
                try await cluster.waitForConnections(4)
                let before = Set(try await cluster.a.inventory())

                cluster.redis.stop()
                for node in cluster.nodes {
                    #expect(await eventually { await !node.isReady() })
                    let response = try await node.request("GET", "/readyz")
                    #expect(response.status == 503)
                    #expect(try response.decode(Readiness.self).relay.state == "down")
                    #expect(try await node.request("GET", "/livez").status == 200)
                }
                try await Self.localWorks(cluster, clients)

                try cluster.redis.restart()
                for node in cluster.nodes { #expect(await eventually { await node.isReady() }) }
                try await cluster.waitForConnections(4)
                for node in cluster.nodes { #expect(Set(try await node.inventory()) == before) }
                try await clients[3].send("across again")
                for client in clients { try await client.see { $0.type == "message" && $0.message == "across again" } }
                let receipt = try await cluster.b.broadcast("and by REST")
                #expect(receipt.recipients == 4)
                #expect(!receipt.degraded)
                #expect(clients.allSatisfy { !$0.isEnded })
            }
        }

        private static func localWorks(_ cluster: Cluster, _ clients: [WebSocketTestClient]) async throws {
            try await clients[0].send("to my neighbours")
            for client in clients.prefix(2) {
                try await client.see { $0.type == "message" && $0.message == "to my neighbours" }
            }
            let start = ContinuousClock.now
            let response = try await cluster.a.request(
                "POST",
                "/api/connections/broadcast?timeout=1s",
                body: #"{"message":"degraded"}"#
            )
            #expect(start.duration(to: .now) < .seconds(5))
            #expect(response.status == 202, "\(response.body)")
            let receipt: Receipt = try response.decode()
            #expect(receipt.degraded)
            #expect(receipt.recipients == 2)
            #expect(receipt.nodes == [.init(node: "a", recipients: 2)])
            #expect(receipt.missing == ["b", "c"])
            for client in clients.prefix(2) { try await client.see { $0 == .broadcast("degraded") } }

            for (node, count, missing) in [(cluster.a, 2, ["b", "c"]), (cluster.b, 1, ["a", "c"]), (cluster.c, 1, ["a", "b"])] {
                let start = ContinuousClock.now
                let list: ConnectionList = try await node.get("/api/connections")
                #expect(start.duration(to: .now) < .seconds(5))
                #expect(!list.complete)
                #expect(list.missing == missing)
                #expect(list.count == count)
                #expect(list.connections.allSatisfy { $0.node == node.name })
                let nodes: NodeList = try await node.get("/api/nodes")
                #expect(!nodes.complete)
                #expect(nodes.nodes.map(\.name) == ["a", "b", "c"])
            }
        }

        @Test
        func `Without Redis a node knows its own connections, and says of others that it cannot tell`() async throws {
            try await Cluster.run(nodes: 2) { cluster in
                let own = try await cluster.a.connect()
                let remote = try await cluster.b.connect()
                try await cluster.waitForConnections(2)
                let ids = Dictionary(uniqueKeysWithValues: try await cluster.a.inventory().map { ($0.node, $0.id) })
                let ownID = try #require(ids["a"])
                let remoteID = try #require(ids["b"])
                cluster.redis.stop()
                #expect(await eventually { await !cluster.a.isReady() })

                #expect(try await cluster.a.request("GET", "/api/connections/\(ownID)").status == 200)
                let unknown = try await cluster.a.request("GET", "/api/connections/\(remoteID)")
                #expect(unknown.status == 503, "\(unknown.body)")
                #expect(unknown[header: "content-type"] == "application/problem+json")
                #expect(unknown[header: "retry-after"] != nil)

                let sent = try await cluster.a.send("later", to: remoteID)
                #expect(sent.status == 202, "\(sent.body)")
                let receipt: Receipt = try sent.decode()
                #expect(receipt.degraded)
                #expect(receipt.recipients == 0)
                #expect(receipt.missing == ["b"])
                // It waits for the link: what is refused would not be done later.
                let asked = try await cluster.a.request("DELETE", "/api/connections/\(remoteID)?code=4321")
                #expect(asked.status == 504, "\(asked.body)")
                #expect(try await cluster.a.request("DELETE", "/api/connections/\(ownID)?code=4001").status == 204)
                #expect(await own.closed() == 4001)
                #expect(!remote.isEnded)
                try cluster.redis.restart()
                #expect(await remote.closed() == 4321)
            }
        }

        @Test
        func `Without Redis a push to a group that has nobody here is answered at once, and the node does not miss itself`()
            async throws
        {
            try await Cluster.run(nodes: 2) { cluster in
                cluster.redis.stop()
                #expect(await eventually { await !cluster.a.isReady() })
                let start = ContinuousClock.now
                let answer = try await cluster.a.request("POST", "/api/groups/g/send?timeout=20s", body: #"{"message":"x"}"#)
                #expect(start.duration(to: .now) < .seconds(10))
                #expect(answer.status == 202, "\(answer.body)")
                let receipt: Receipt = try answer.decode()
                #expect(receipt.degraded && receipt.recipients == 0 && receipt.nodes.isEmpty)
                #expect(receipt.missing == ["b"])
            }
        }

        @Test
        func `What was published while Redis was away reaches the other nodes once, in order, when it is back`() async throws {
            try await Cluster.run(nodes: 2) { cluster in
                let sender = try await cluster.a.connect()
                let other = try await cluster.b.connect()
                try await cluster.waitForConnections(2)
                cluster.redis.stop()
                #expect(await eventually { await !cluster.a.isReady() })
                let texts = (0..<50).map { "kept \($0)" }
                try await sender.send(texts)
                try await sender.see { $0.type == "message" && $0.message == texts.last }
                try cluster.redis.restart()
                #expect(await eventually { await cluster.a.isReady() })
                #expect(await eventually { await cluster.b.isReady() })
                _ = try await cluster.a.broadcast("the end")
                let seen = try await other.everything(until: "the end")
                #expect(seen.filter { $0.type == "message" }.map(\.message) == texts)
                // Redis came back empty: what it held last, nobody knows.
                let notice = Seen.plain(type: "system", from: nil, message: "Messages may have been lost.")
                #expect(seen.filter { $0.type == "system" } == [notice])
                #expect(try await sender.everything(until: "the end") == [notice])
            }
        }

        @Test
        func `A node starts without Redis, lives, is not ready, and joins when Redis comes`() async throws {
            try await Cluster.run(nodes: 0) { cluster in
                cluster.redis.stop()
                let node = try await cluster.start("early", until: .live)
                let response = try await node.request("GET", "/readyz")
                #expect(response.status == 503)
                let readiness = try response.decode(Readiness.self)
                #expect(!readiness.ready && !readiness.draining)
                #expect([readiness.relay.state, readiness.presence.state] == ["down", "down"])
                let client = try await node.connect()
                try await client.send("anyone?")
                try await client.see { $0.type == "message" && $0.message == "anyone?" }

                try cluster.redis.restart()
                #expect(await eventually { await node.isReady() })
                let other = try await cluster.start("late")
                try await cluster.waitForConnections(1)
                let known = try await eventually {
                    try await other.broadcast("welcome").nodes.contains(.init(node: "early", recipients: 1))
                }
                #expect(known)
                try await client.see { $0 == .broadcast("welcome") }
            }
        }

        @Test
        func `After FLUSHALL the inventory is complete again within two heartbeats`() async throws {
            try await Cluster.run { cluster in
                var clients: [WebSocketTestClient] = []
                for (node, count) in zip(cluster.nodes, [4, 3, 2]) { clients += try await node.connect(count) }
                try await cluster.waitForConnections(9)
                let before = Set(try await cluster.a.inventory())
                // A heartbeat is a fifth of the lease, here one second, give or take a tenth.
                #expect(cluster.redis.command("FLUSHALL") == "+OK\r\n")
                let start = ContinuousClock.now
                for node in cluster.nodes {
                    let complete = try await eventually { try await node.count() == 9 }
                    #expect(complete)
                }
                #expect(start.duration(to: .now) < .seconds(4))
                #expect(Set(try await cluster.b.inventory()) == before)
                try await clients[0].send("still linked")
                for client in clients { try await client.see { $0.type == "message" && $0.message == "still linked" } }
            }
        }

        @Test
        func `A Redis that stands still makes nodes not ready, and REST still answers in bounded time`() async throws {
            try await Cluster.run(nodes: 2) { cluster in
                let client = try await cluster.a.connect()
                try await cluster.waitForConnections(1)
                cluster.redis.freeze()
                for node in cluster.nodes { #expect(await eventually { await !node.isReady() }) }
                let start = ContinuousClock.now
                let list: ConnectionList = try await cluster.a.get("/api/connections")
                #expect(start.duration(to: .now) < .seconds(8))
                #expect(!list.complete)
                #expect(list.missing == ["b"])
                #expect(list.count == 1)
                cluster.redis.thaw()
                for node in cluster.nodes { #expect(await eventually { await node.isReady() }) }
                try await cluster.waitForConnections(1)
                #expect(try await cluster.b.broadcast("back").recipients == 1)
                try await client.see { $0 == .broadcast("back") }
            }
        }
    }
}
