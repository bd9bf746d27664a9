import TestSupport
import Testing

extension RealProcesses {
    /// Everything comes back at once.
    @Suite
    struct AllAtOnceTests {
        /// Connections that Redis has taken since it started, this question's own among them.
        private static func connectionsTaken(by redis: RedisServer) throws -> Int {
            let stats = try #require(redis.command("INFO", "stats"))
            let line = try #require(stats.split(separator: "\r\n").first { $0.hasPrefix("total_connections_received:") })
            return try #require(line.split(separator: ":").last.flatMap { Int($0) })
        }

        private static func connect(_ count: Int, to node: TestNode) async throws -> [WebSocketTestClient] {
            try await withThrowingTaskGroup(of: [WebSocketTestClient].self) { tasks in
                for part in 0..<10 {
                    tasks.addTask { try await node.connect(count * (part + 1) / 10 - count * part / 10) }
                }
                return try await tasks.reduce(into: []) { $0 += $1 }
            }
        }

        @Test
        func
            `Redis comes back empty to 1,000 connections: ready within seconds, the list right, and never short without saying so`()
            async throws
        {
            try await Cluster.run { cluster in
                var clients: [WebSocketTestClient] = []
                for (node, count) in zip(cluster.nodes, [600, 300, 100]) { clients += try await Self.connect(count, to: node) }
                try await cluster.waitForConnections(1000)
                let before = Set(try await cluster.a.inventory().map(\.id))

                cluster.redis.stop()
                // A server that closes every connection takes its place until the pauses between attempts have grown: about six attempts of
                // each of the three links of three nodes.
                let substitute = try await FakeRedis.start(port: cluster.redis.port) { _, _ in .close }
                for node in cluster.nodes { #expect(await eventually { await !node.isReady() }) }
                #expect(await eventually { substitute.connections >= 6 * 3 * 3 })
                await substitute.stop()
                try cluster.redis.restart()
                let start = ContinuousClock.now
                var right: Set<String> = []
                while right.count < 3 {
                    try #require(start.duration(to: .now) < .seconds(15), "the lists are not whole again: \(right)")
                    for node in cluster.nodes {
                        let list: ConnectionList = try await node.get("/api/connections?limit=1")
                        #expect(list.complete == list.missing.isEmpty)
                        guard list.complete else { continue }
                        #expect(list.count == 1000, "node \(node.name) says that this is all")
                        right.insert(node.name)
                    }
                }
                let whole = start.duration(to: .now)
                for node in cluster.nodes { #expect(await eventually { await node.isReady() }) }
                let ready = start.duration(to: .now)
                #expect(ready < .seconds(15))
                for node in cluster.nodes {
                    let ids = try await node.inventory().map(\.id)
                    #expect(ids.count == 1000 && Set(ids) == before)
                }
                #expect(clients.allSatisfy { !$0.isEnded })
                // A few links a node, and none that was dialled again and again.
                let taken = try Self.connectionsTaken(by: cluster.redis)
                #expect(taken < 30, "\(taken) connections")
                print("AllAtOnce: lists whole after \(whole), all ready after \(ready), \(taken) connections to Redis")
            }
        }

        @Test
        func `All nodes are killed and started again together: ready within seconds, under their names, each listed once`()
            async throws
        {
            try await Cluster.run { cluster in
                let clients = try await cluster.a.connect(3)
                try await cluster.waitForConnections(3)
                let before = try Self.connectionsTaken(by: cluster.redis)
                let ports = cluster.nodes.map(\.process.port)
                for node in cluster.nodes { cluster.kill(node) }
                let start = ContinuousClock.now
                try await withThrowingDiscardingTaskGroup { tasks in
                    for (name, port) in zip(["a", "b", "c"], ports) {
                        tasks.addTask { try await cluster.start(name, port: port) }
                    }
                }
                #expect(start.duration(to: .now) < .seconds(20))
                for node in cluster.nodes {
                    let list: NodeList = try await node.get("/api/nodes")
                    #expect(list.nodes.map(\.name) == ["a", "b", "c"])
                    // Those of the killed nodes are gone with the first of their names.
                    #expect(try await node.count() == 0)
                }
                #expect(try Self.connectionsTaken(by: cluster.redis) - before < 30)
                withExtendedLifetime(clients) {}
            }
        }
    }
}
