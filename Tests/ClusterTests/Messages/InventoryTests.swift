import TestSupport
import Testing

extension RealProcesses {
    /// The inventory of a cluster.
    @Suite
    struct InventoryTests {
        @Test
        func `Every node lists the same, complete, in the same order, and by node when asked to`() async throws {
            try await Cluster.run { cluster in
                var clients: [WebSocketTestClient] = []
                for (node, count) in zip(cluster.nodes, [3, 0, 5]) { clients += try await node.connect(count) }
                try await cluster.waitForConnections(8)
                let lists: [ConnectionList] = [
                    try await cluster.a.get("/api/connections"), try await cluster.b.get("/api/connections"),
                    try await cluster.c.get("/api/connections"),
                ]
                for list in lists {
                    #expect(list.connections == lists[0].connections)
                    #expect(list.count == 8)
                    #expect(list.complete)
                    #expect(list.missing.isEmpty)
                    #expect(list.next == nil)
                }
                let items = lists[0].connections
                #expect(Set(items.map(\.id)).count == 8)
                #expect(items.map(\.id) == items.map(\.id).sorted())
                #expect(items.filter { $0.node == "a" }.count == 3)
                #expect(items.filter { $0.node == "c" }.count == 5)
                for item in items {
                    #expect(item.id.count == 32)
                    #expect(item.protocol == "plain")
                    #expect(item.user == nil)
                    #expect(item.groups.isEmpty)
                    #expect(item.connectedAt.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/) != nil)
                }
                for name in ["a", "b", "c", "nobody"] {
                    let list: ConnectionList = try await cluster.b.get("/api/connections?node=\(name)")
                    #expect(list.connections == items.filter { $0.node == name })
                    #expect(list.count == list.connections.count)
                    #expect(list.complete)
                }
                withExtendedLifetime(clients) {}
            }
        }

        @Test
        func `Pages of any size walk each connection exactly once, in order`() async throws {
            try await Cluster.run { cluster in
                var clients: [WebSocketTestClient] = []
                for (node, count) in zip(cluster.nodes, [5, 7, 2]) { clients += try await node.connect(count) }
                try await cluster.waitForConnections(14)
                for size in [1, 3, 7, 14, 1000] { try await self.walk(cluster, size: size, total: 14) }
                withExtendedLifetime(clients) {}
            }
        }

        private func walk(_ cluster: Cluster, size: Int, total: Int) async throws {
            var walked: [ConnectionList.Item] = []
            var pages = 0
            var target: String? = "/api/connections?limit=\(size)"
            while let current = target {
                // Any node knows what to do with the cursor of any other.
                let page: ConnectionList = try await cluster.nodes[pages % 3].get(current)
                #expect(page.connections.count <= size)
                #expect(page.count == total)
                #expect(page.complete)
                walked += page.connections
                pages += 1
                try #require(pages <= total)
                target = page.next.map { "/api/connections?limit=\(size)&cursor=\($0)" }
            }
            #expect(pages == (total + size - 1) / size)
            #expect(walked.count == total)
            #expect(walked.map(\.id) == Set(walked.map(\.id)).sorted())
        }

        @Test
        func `One connection is found from every node, as it is listed`() async throws {
            try await Cluster.run { cluster in
                let clients = [try await cluster.a.connect(), try await cluster.c.connect()]
                try await cluster.waitForConnections(2)
                for item in try await cluster.b.inventory() {
                    for node in cluster.nodes {
                        #expect(try await node.get("/api/connections/\(item.id)", as: ConnectionList.Item.self) == item)
                    }
                }
                withExtendedLifetime(clients) {}
            }
        }

        @Test
        func `A connection leaves the inventory when its client does, however it does`() async throws {
            try await Cluster.run(nodes: 2) { cluster in
                let polite = try await cluster.a.connect()
                let rude = try await cluster.b.connect()
                let staying = try await cluster.b.connect()
                try await cluster.waitForConnections(3)
                try await polite.close(code: 1001)
                await rude.disconnect()
                #expect(await polite.closed() == 1001)
                try await cluster.waitForConnections(1)
                #expect(!staying.isEnded)
            }
        }

        @Test
        func `GET /api/nodes shows three nodes with their counts, from each of them`() async throws {
            try await Cluster.run { cluster in
                var clients: [WebSocketTestClient] = []
                for (node, count) in zip(cluster.nodes, [2, 0, 1]) { clients += try await node.connect(count) }
                try await cluster.waitForConnections(3)
                for node in cluster.nodes {
                    let list: NodeList = try await node.get("/api/nodes")
                    #expect(list.count == 3)
                    #expect(list.complete)
                    #expect(list.answeredBy == node.name)
                    #expect(list.nodes.map(\.name) == ["a", "b", "c"])
                    #expect(list.nodes.map(\.connections) == [2, 0, 1])
                    #expect(list.nodes.allSatisfy { $0.live && !$0.draining })
                    #expect(Set(list.nodes.map(\.id)).count == 3)
                }
                withExtendedLifetime(clients) {}
            }
        }

        @Test
        func `Connections of /echo are in nobody's inventory, and get no broadcast`() async throws {
            try await Cluster.run(nodes: 2) { cluster in
                let echo = try await cluster.a.connect("/echo")
                let plain = try await cluster.b.connect()
                try await cluster.waitForConnections(1)
                #expect(try await cluster.b.broadcast("for members").recipients == 1)
                try await plain.send("also for members")
                try await plain.see { $0.type == "message" }
                // Whatever was on its way to it would have come before.
                #expect(try await cluster.a.broadcast("the end").recipients == 1)
                try await echo.send("only this")
                #expect(try await echo.next() == .text("only this"))
                #expect(echo.waiting == 0)
            }
        }

        @Test
        func `A thousand connections on three nodes: listed once each, and reached by one broadcast`() async throws {
            try await Cluster.run { cluster in
                let nodes = cluster.nodes
                let clients = try await withThrowingTaskGroup { group in
                    for (node, count) in zip(nodes, [334, 333, 333]) { group.addTask { try await node.connect(count) } }
                    return try await group.reduce(into: [WebSocketTestClient]()) { $0 += $1 }
                }
                try await cluster.waitForConnections(1000)
                for node in nodes {
                    let ids = try await node.inventory(pageSize: 77).map(\.id)
                    #expect(ids.count == 1000)
                    #expect(Set(ids).count == 1000)
                }
                let receipt = try await cluster.b.broadcast("to all", query: "?timeout=10s")
                #expect(receipt.recipients == 1000)
                #expect(receipt.nodes.map(\.recipients) == [334, 333, 333])
                for client in clients { #expect(try await client.see() == .broadcast("to all")) }
            }
        }
    }
}
