import TestSupport
import Testing

extension RealProcesses {
    @Suite("Two nodes of one name")
    struct TwinNameTests {
        @Test("Both work: lists have the connections of both, receipts name both, and neither pushes the other out")
        func twins() async throws {
            try await Cluster.run(nodes: 1) { cluster in
                let first = cluster.a
                let early = try await first.connect(2)
                try await cluster.waitForConnections(2)
                let second = try await cluster.start("a")
                let late = try await second.connect(3)
                // The newcomer takes the first for its dead predecessor; that one comes back at its next beat.
                try await cluster.waitForConnections(5)

                for node in [first, second] {
                    let list: NodeList = try await node.get("/api/nodes")
                    #expect(list.nodes.map(\.name) == ["a", "a"])
                    #expect(Set(list.nodes.map(\.id)).count == 2)
                    #expect(list.nodes.map(\.connections).sorted() == [2, 3])
                    let named: ConnectionList = try await node.get("/api/connections?node=a")
                    #expect(named.count == 5 && named.complete)
                    #expect(Set(named.connections.map(\.id)).count == 5)
                    let known = try await eventually {
                        let receipt = try await node.broadcast("both?")
                        return receipt.nodes.map(\.node) == ["a", "a"] && receipt.nodes.map(\.recipients).sorted() == [2, 3]
                    }
                    #expect(known)
                }
                try await early[0].send("hello, twin")
                for client in early + late { try await client.see { $0.type == "message" && $0.message == "hello, twin" } }

                // Several beats on, both are still there: one registration after the push, and no more.
                try await Task.sleep(for: .seconds(3))
                #expect(try await second.count() == 5)
                #expect(first.process.output.ranges(of: "Presence registered again").count <= 1)
                #expect(!second.process.output.contains("Presence registered again"))

                // By id each can be sent away for itself.
                let list: NodeList = try await first.get("/api/nodes")
                let id = try #require(list.nodes.first { $0.connections == 3 }).id
                cluster.forget(second)
                #expect(try await first.request("POST", "/api/nodes/\(id)/drain").status == 202)
                #expect(await second.process.exit(within: .seconds(10)) == 0)
                #expect(try await first.count() == 2)
                #expect(early.allSatisfy { !$0.isEnded })
            }
        }
    }
}
