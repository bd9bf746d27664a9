import TestSupport
import Testing

extension RealProcesses {
    /// Redis with sentinels: whichever way the master goes, the nodes go to the next.
    @Suite(.timeLimit(.minutes(5)))
    struct SentinelTests {
        /// Two nodes with two clients each, then `fault`, and then everything as before, on another master.
        private func afterFault(
            _ name: String,
            url: ((SentinelCluster) -> String)? = nil,
            fault: (SentinelCluster, RedisServer) async throws -> Void,
            after: (RedisServer) async throws -> Void = { _ in }
        ) async throws {
            let redis = try await SentinelCluster.start()
            let backend: any TestRedis = url.map { Elsewhere(cluster: redis, url: $0(redis)) } ?? redis
            try await Cluster.run(nodes: 2, on: backend) { cluster in
                let clients = try await cluster.a.connect(2) + cluster.b.connect(2)
                try await cluster.waitForConnections(4)
                let before = Set(try await cluster.a.inventory())
                let old = try redis.master

                let start = ContinuousClock.now
                try await fault(redis, old)
                let new = try await redis.newMaster(after: old)
                let agreed = start.duration(to: .now)
                for node in cluster.nodes {
                    #expect(await eventually(within: .seconds(20)) { await Self.isLinked(node, to: new) })
                    #expect(await eventually(within: .seconds(20)) { await node.isReady() })
                }
                let ready = start.duration(to: .now)
                print("\(name): sentinels agreed after \(agreed), nodes ready after \(ready)")

                try await Self.everythingWorks(cluster, clients, before)
                #expect(clients.allSatisfy { !$0.isEnded })
                try await after(old)
            }
        }

        /// All three of a node's links are there.
        private static func isLinked(_ node: TestNode, to server: RedisServer) async -> Bool {
            let clients = server.command("CLIENT", "LIST") ?? ""
            return ["publisher", "subscriber", "presence"].allSatisfy {
                clients.ranges(of: "name=volary-\($0) ").count == 2
            }
        }

        private static func everythingWorks(
            _ cluster: Cluster,
            _ clients: [WebSocketTestClient],
            _ before: Set<ConnectionList.Item>
        ) async throws {
            try await cluster.waitForConnections(4, within: .seconds(20))
            for node in cluster.nodes { #expect(Set(try await node.inventory()) == before) }
            for (index, client) in clients.enumerated() {
                try await client.send("across \(index)")
                for client in clients { try await client.see { $0.type == "message" && $0.message == "across \(index)" } }
            }
            for node in cluster.nodes {
                let isWhole = try await eventually {
                    let receipt = try await node.request("POST", "/api/connections/broadcast", body: #"{"message":"all"}"#)
                    guard receipt.status == 200 else { return false }
                    return try receipt.decode(Receipt.self).recipients == 4
                }
                #expect(isWhole)
            }
        }

        @Test
        func `A master that is killed is replaced, and comes back as a replica that nobody is linked to`() async throws {
            try await self.afterFault("killed") { _, old in
                old.kill()
            } after: { old in
                try old.restart()
                #expect(await eventually(within: .seconds(20)) { old.command("ROLE")?.contains("slave") == true })
                #expect(old.command("CLIENT", "LIST")?.contains("name=volary-") == false)
            }
        }

        @Test
        func `A planned fail-over: the nodes leave the old master while it still serves them`() async throws {
            try await self.afterFault("planned") { redis, old in
                try redis.failOver()
                _ = try await redis.newMaster(after: old)
                // It is told some ten seconds later, and only then cuts its clients off.
                let left = await eventually(within: .seconds(5)) {
                    old.command("CLIENT", "LIST").map { !$0.contains("name=volary-") } ?? false
                }
                #expect(left)
                #expect(old.command("ROLE")?.contains("master") == true)
            }
        }

        @Test
        func `A master that stood still comes back, thinks it is one, and nobody goes back to it`() async throws {
            try await self.afterFault("frozen") { redis, old in
                old.freeze()
                _ = try await redis.newMaster(after: old)
                old.thaw()
            } after: { old in
                #expect(await eventually(within: .seconds(20)) { old.command("ROLE")?.contains("slave") == true })
                #expect(old.command("CLIENT", "LIST")?.contains("name=volary-") == false)
            }
        }

        @Test
        func `One sentinel is down and one speaks garbage: the third is enough to find the master and its successor`()
            async throws
        {
            let garbage = try await FakeRedis.start { _, _ in .text("?%$\r\n") }
            try await self.afterFault(
                "bad sentinels",
                url: { $0.url(sentinels: [garbage.port, 1, $0.sentinels[2].port]) },
                fault: { $1.kill() }
            )
            await garbage.stop()
        }

        /// A cluster by another address.
        private struct Elsewhere: TestRedis {
            let cluster: SentinelCluster
            let url: String

            func stop() { self.cluster.stop() }
        }
    }
}
