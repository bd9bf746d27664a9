import TestSupport
import Testing

extension RealProcesses {
    /// REST broadcasts in a cluster.
    @Suite
    struct BroadcastTests {
        @Test
        func `A broadcast from any node reaches all clients, and the receipt counts them node by node`() async throws {
            try await Cluster.run { cluster in
                var clients: [WebSocketTestClient] = []
                for (node, count) in zip(cluster.nodes, [1, 2, 3]) { clients += try await node.connect(count) }
                try await cluster.waitForConnections(6)
                for node in cluster.nodes {
                    let receipt = try await node.broadcast("from \(node.name)")
                    #expect(receipt.recipients == 6)
                    #expect(
                        receipt.nodes == [
                            .init(node: "a", recipients: 1), .init(node: "b", recipients: 2), .init(node: "c", recipients: 3),
                        ]
                    )
                    #expect(receipt.missing.isEmpty)
                    #expect(!receipt.degraded)
                }
                for client in clients {
                    for node in cluster.nodes { #expect(try await client.see() == .broadcast("from \(node.name)")) }
                }
            }
        }

        @Test
        func `Without clients a broadcast is 200 with 0 recipients, and every node says so`() async throws {
            try await Cluster.run { cluster in
                let receipt = try await cluster.b.broadcast("Is anyone there?")
                #expect(receipt.recipients == 0)
                #expect(receipt.nodes == ["a", "b", "c"].map { .init(node: $0, recipients: 0) })
                #expect(receipt.missing.isEmpty)
            }
        }

        @Test
        func `Thirty broadcasts at once: every receipt equals what the clients count`() async throws {
            try await Cluster.run { cluster in
                var clients: [WebSocketTestClient] = []
                for (node, count) in zip(cluster.nodes, [33, 34, 35]) { clients += try await node.connect(count) }
                try await cluster.waitForConnections(102)
                let nodes = cluster.nodes
                let receipts = try await withThrowingTaskGroup { group in
                    for number in 0..<30 {
                        group.addTask { try await nodes[number % 3].broadcast("broadcast \(number)", query: "?timeout=10s") }
                    }
                    return try await group.reduce(into: [Receipt]()) { $0.append($1) }
                }
                _ = try await cluster.a.broadcast("the end")
                var counted: [String: Int] = [:]
                for client in clients {
                    for seen in try await client.everything(until: "the end") {
                        #expect(seen.type == "server-broadcast")
                        counted[seen.message ?? "", default: 0] += 1
                    }
                }
                #expect(receipts.count == 30)
                #expect(Set(receipts.map(\.id)).count == 30)
                for receipt in receipts {
                    #expect(receipt.recipients == 102)
                    #expect(receipt.nodes.map(\.recipients) == [33, 34, 35])
                    #expect(receipt.missing.isEmpty)
                }
                #expect(counted == Dictionary(uniqueKeysWithValues: (0..<30).map { ("broadcast \($0)", 102) }))
            }
        }

        @Test
        func `Two hundred broadcasts at once to 1,000 connections on three nodes: every receipt equals what the clients count`()
            async throws
        {
            try await Cluster.run { cluster in
                let nodes = cluster.nodes
                var clients: [WebSocketTestClient] = []
                for (node, count) in zip(nodes, [300, 334, 366]) { clients += try await node.connect(count) }
                try await cluster.waitForConnections(1000)
                let receipts = try await withThrowingTaskGroup { group in
                    for number in 0..<200 {
                        group.addTask { try await nodes[number % 3].broadcast("broadcast \(number)", query: "?timeout=20s") }
                    }
                    return try await group.reduce(into: [Receipt]()) { $0.append($1) }
                }
                _ = try await cluster.a.broadcast("the end", query: "?timeout=20s")
                #expect(receipts.count == 200)
                #expect(receipts.allSatisfy { $0.nodes.map(\.recipients) == [300, 334, 366] && $0.missing.isEmpty })
                let sent = (0..<200).map { "broadcast \($0)" }.sorted()
                var order: [String?]?
                for client in clients {
                    let seen = try await client.everything(until: "the end").map(\.message)
                    if order == nil { order = seen }
                    // Each once, and all in the order of the first.
                    #expect(seen == order)
                    #expect(seen.compactMap(\.self).sorted() == sent)
                }
            }
        }

        @Test
        func `wait=none answers 202 with the id at once, and the message arrives all the same`() async throws {
            try await Cluster.run(nodes: 2) { cluster in
                let client = try await cluster.b.connect()
                try await cluster.waitForConnections(1)
                let response = try await cluster.a.request(
                    "POST",
                    "/api/connections/broadcast?wait=none",
                    body: #"{"message":"quick"}"#
                )
                #expect(response.status == 202)
                #expect(try response.decode([String: String].self)["id"]?.count == 32)
                #expect(try await client.see() == .broadcast("quick"))
            }
        }

        @Test
        func `A node that is silent is named in the receipt, after the timeout that was asked for`() async throws {
            try await Cluster.run { cluster in
                let clients = [try await cluster.a.connect(), try await cluster.b.connect(), try await cluster.c.connect()]
                try await cluster.waitForConnections(3)
                cluster.c.process.freeze()
                let start = ContinuousClock.now
                let receipt = try await cluster.a.broadcast("Who hears me?", query: "?timeout=500ms")
                let took = ContinuousClock.now - start
                cluster.c.process.thaw()
                #expect(receipt.recipients == 2)
                #expect(receipt.nodes.map(\.node) == ["a", "b"])
                #expect(receipt.missing == ["c"])
                #expect(took >= .milliseconds(500))
                #expect(took < .seconds(5))
                // It was only slow: its client gets the message.
                #expect(try await clients[2].see() == .broadcast("Who hears me?"))
            }
        }
    }
}
