import TestSupport
import Testing

extension RealProcesses {
    /// One connection, addressed from anywhere.
    @Suite
    struct TargetedTests {
        /// One client on each node, by the node's name.
        private struct Population {
            let clients: [String: WebSocketTestClient]
            let ids: [String: String]

            init(of cluster: Cluster) async throws {
                var clients: [String: WebSocketTestClient] = [:]
                for node in cluster.nodes { clients[node.name] = try await node.connect() }
                self.clients = clients
                try await cluster.waitForConnections(cluster.nodes.count)
                let items = try await cluster.a.inventory()
                self.ids = Dictionary(uniqueKeysWithValues: items.map { ($0.node, $0.id) })
            }

            func client(_ node: String) throws -> WebSocketTestClient { try #require(self.clients[node]) }
            func id(_ node: String) throws -> String { try #require(self.ids[node]) }
        }

        @Test
        func `A send from any node reaches exactly the connection it names, wherever that is`() async throws {
            try await Cluster.run { cluster in
                let population = try await Population(of: cluster)
                for from in cluster.nodes {
                    for to in cluster.nodes {
                        let response = try await from.send("\(from.name) to \(to.name)", to: try population.id(to.name))
                        #expect(response.status == 200)
                        let receipt: Receipt = try response.decode()
                        #expect(receipt.recipients == 1)
                        #expect(receipt.nodes == [.init(node: to.name, recipients: 1)])
                        #expect(receipt.missing.isEmpty)
                        #expect(!receipt.degraded)
                    }
                }
                _ = try await cluster.a.broadcast("the end")
                for to in cluster.nodes {
                    let seen = try await population.client(to.name).everything(until: "the end")
                    #expect(seen == cluster.nodes.map { Seen.broadcast("\($0.name) to \(to.name)") })
                }
            }
        }

        @Test
        func `An id that nobody has is 404: of no node, of a live node, and one that cannot be an id`() async throws {
            try await Cluster.run { cluster in
                let population = try await Population(of: cluster)
                let ofLiveNode = String(repeating: "0", count: 24) + (try population.id("b")).suffix(8)
                let ofOwnNode = String(repeating: "0", count: 24) + (try population.id("a")).suffix(8)
                let ofNoNode = "0123456789abcdef0123456789abcdef"
                let malformed = ["nonsense", ofNoNode.uppercased(), String(ofNoNode.dropLast()), ofNoNode + "0", "%20", "%00"]
                for id in [ofLiveNode, ofOwnNode, ofNoNode] + malformed {
                    let responses = [
                        try await cluster.a.send("Anyone?", to: id),
                        try await cluster.a.request("GET", "/api/connections/\(id)"),
                        try await cluster.a.request("DELETE", "/api/connections/\(id)"),
                    ]
                    for response in responses {
                        #expect(response.status == 404, "\(id): \(response.body)")
                        #expect(response[header: "content-type"] == "application/problem+json")
                        #expect(try response.decode(Problem.self).field == "id")
                    }
                }
            }
        }

        @Test
        func `DELETE from another node closes the connection with the code and the reason given`() async throws {
            try await Cluster.run { cluster in
                let population = try await Population(of: cluster)
                let id = try population.id("c")
                let target = "/api/connections/\(id)"
                let client = try population.client("c")
                let response = try await cluster.a.request("DELETE", "\(target)?code=4321&reason=bye%20%F0%9F%A6%85")
                #expect(response.status == 204)
                #expect(response.body.isEmpty)
                #expect(await client.closed() == 4321)
                #expect(client.closeReason == "bye 🦅")
                try await cluster.waitForConnections(2)
                for node in cluster.nodes {
                    #expect(try await node.request("GET", target).status == 404)
                    #expect(try await node.request("DELETE", target).status == 404)
                    #expect(try await node.send("Still there?", to: id).status == 404)
                }
            }
        }

        @Test
        func `DELETE without a code closes with 1000`() async throws {
            try await Cluster.run(nodes: 2) { cluster in
                let population = try await Population(of: cluster)
                for (from, to) in [(cluster.a, "b"), (cluster.a, "a")] {
                    let target = "/api/connections/\(try population.id(to))"
                    #expect(try await from.request("DELETE", target).status == 204)
                    #expect(await (try population.client(to)).closed() == 1000)
                    #expect((try population.client(to)).closeReason == "")
                }
                try await cluster.waitForConnections(0)
            }
        }

        /// The only connection, a client's of b, which stands still and has lost its subscriptions.
        private func silence(_ cluster: Cluster) async throws -> (client: WebSocketTestClient, path: String) {
            let client = try await cluster.b.connect()
            try await cluster.waitForConnections(1)
            let id = try #require(try await cluster.a.inventory().first).id
            cluster.b.process.freeze()
            cluster.redis.command("CLIENT", "KILL", "TYPE", "pubsub")
            #expect(await eventually { await cluster.a.isReady() })
            return (client, "/api/connections/\(id)")
        }

        @Test
        func `What is refused, since the connection's node is silent past its lease, is not done when that is back`() async throws
        {
            try await Cluster.run(nodes: 2, options: Cluster.quiet + ["--lease", "1s"]) { cluster in
                let (client, path) = try await self.silence(cluster)
                #expect(try await eventually { try await cluster.a.metric("volary_nodes_live") == 1 })
                for _ in 0..<2 {
                    let headers = ["idempotency-key": "key"]
                    let body = #"{"message":"hello"}"#
                    #expect(try await cluster.a.request("POST", "\(path)/send", headers: headers, body: body).status == 404)
                }
                let group = path.replacing("/api/connections", with: "/api/groups/g/connections")
                for (method, target) in [("PUT", group), ("DELETE", group), ("DELETE", "\(path)?code=4321")] {
                    #expect(try await cluster.a.request(method, target).status == 404)
                }
                cluster.b.process.thaw()
                try await cluster.waitForConnections(1)
                #expect(await eventually { await cluster.b.isReady() })
                _ = try await cluster.b.broadcast("the end")
                let seen = try await client.everything(until: "the end")
                #expect(seen.filter { $0.type == "server-broadcast" }.isEmpty)
                #expect(client.closeCode == nil)
            }
        }

        @Test
        func `Within its lease a node off Redis is said to be silent, and does what it was asked when it is back`() async throws {
            try await Cluster.run(nodes: 2, options: Cluster.quiet + ["--lease", "60s"]) { cluster in
                let (client, path) = try await self.silence(cluster)
                let sent = try await cluster.a.request("POST", "\(path)/send", body: #"{"message":"hello"}"#)
                #expect(sent.status == 200, "\(sent.body)")
                #expect(try sent.decode(Receipt.self).missing == ["b"])
                let group = path.replacing("/api/connections", with: "/api/groups/g/connections")
                for (method, target) in [("PUT", group), ("DELETE", "\(path)?code=4321")] {
                    let answer = try await cluster.a.request(method, target)
                    #expect(answer.status == 504, "\(answer.body)")
                    #expect(try answer.decode(Problem.self).type == "urn:volary:problem:node-silent")
                }
                cluster.b.process.thaw()
                try await client.see { $0 == .broadcast("hello") }
                #expect(await client.closed() == 4321)
            }
        }
    }
}
