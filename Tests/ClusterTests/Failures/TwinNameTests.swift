import TestSupport
import Testing

extension RealProcesses {
    /// Two nodes of one name.
    @Suite
    struct TwinNameTests {
        /// The ids and names of a cluster's nodes.
        private static func nodes(_ node: TestNode) async throws -> [NodeList.Item] {
            try await node.get("/api/nodes", as: NodeList.self).nodes
        }

        @Test
        func `While the one of a name lives, another that is given it does not start, and nobody notices`() async throws {
            try await Cluster.run(nodes: 2, options: []) { cluster in
                let clients = try await cluster.a.connect(2)
                let watcher = try await cluster.b.connect()
                try await cluster.waitForConnections(3)
                let before = try await Self.nodes(cluster.b)
                for _ in 0..<3 {
                    let clock = ContinuousClock.now
                    let twin = try await VolaryProcess.run(
                        ["--redis", cluster.redis.url, "--node-name", "a", "--port", "0", "--drain-delay", "20s"]
                    )
                    #expect(twin.status == 78)
                    #expect(twin.errors == "volary: --node-name \"a\": another living node has this name\n")
                    #expect(ContinuousClock.now - clock < .seconds(5))
                }
                #expect(try await Self.nodes(cluster.b).map(\.id) == before.map(\.id))
                #expect(try await cluster.b.count() == 3)
                #expect(!cluster.a.process.output.contains("Presence registered again"))
                _ = try await cluster.b.broadcast("the end")
                #expect(try await watcher.everything(until: "the end").allSatisfy { $0.message?.contains("left") != true })
                #expect(clients.allSatisfy { !$0.isEnded })
            }
        }

        @Test
        func `A name that was made of the host's gets a number beside one that lives, which its successor takes over`()
            async throws
        {
            try await Cluster.run(nodes: 1) { cluster in
                // Two nodes on one port, as on two hosts that are called the same.
                let options = Cluster.quiet + ["--redis", cluster.redis.url]
                let first = try await VolaryProcess.start(options)
                let beside = options + ["--host", "127.0.0.2"]
                let second = try await VolaryProcess.start(beside, port: first.port, until: .running)
                func names() async throws -> [String] { try await Self.nodes(cluster.a).map(\.name) }
                #expect(try await eventually { try await names().count == 3 })
                let made = try await names().filter { $0 != "a" }
                #expect(made[0].hasSuffix("-\(first.port)") && made[1] == "\(made[0])-2")
                #expect(await eventually { second.output.contains("volary.node=\(made[1]) ") })
                let client = try await WebSocketTestClient.connect(host: "127.0.0.2", port: first.port, path: "/ws?welcome=on")
                let welcome = try await client.next()
                #expect("\(welcome)".contains(made[1]), "\(welcome)")
                second.kill()
                let third = try await VolaryProcess.start(beside, port: first.port, until: .running)
                #expect(await eventually { third.output.contains("volary.node=\(made[1]) ") })
                #expect(try await eventually { try await names() == ["a"] + made })
                for process in [first, third] { process.kill() }
            }
        }

        @Test
        func `One that stands still is replaced after a second; when it is back, both work`() async throws {
            try await Cluster.run(nodes: 2) { cluster in
                let frozen = cluster.a
                let early = try await frozen.connect(2)
                try await cluster.waitForConnections(2)
                frozen.process.freeze()
                let start = ContinuousClock.now
                let second = try await cluster.start("a")
                // Not the lease's five.
                #expect((.seconds(1)...(.seconds(4))).contains(ContinuousClock.now - start))
                let late = try await second.connect(3)
                #expect(try await eventually { try await cluster.b.count() == 3 })
                frozen.process.thaw()
                try await cluster.waitForConnections(5)
                for node in cluster.nodes {
                    let list = try await Self.nodes(node)
                    #expect(list.map(\.name) == ["a", "a", "b"] && list.map(\.connections).reduce(0, +) == 5)
                    let receipt = try await node.broadcast("both?")
                    #expect(receipt.nodes.map(\.node) == ["a", "a", "b"] && receipt.recipients == 5)
                }
                try await early[0].send("hello, twin")
                for client in early + late { try await client.see { $0.type == "message" && $0.message == "hello, twin" } }
            }
        }
    }
}
