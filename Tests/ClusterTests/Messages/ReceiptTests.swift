import TestSupport
import Testing

extension RealProcesses {
    /// Receipts while clients come and go.
    @Suite
    struct ReceiptTests {
        private static let options = ["--insecure-user-query"]

        private static func push(_ text: String, to path: String, via node: TestNode) async throws -> Receipt {
            let response = try await node.request("POST", "/api/\(path)", body: "{\"message\":\"\(text)\"}")
            try #require(response.status == 200, "\(response.body)")
            return try response.decode()
        }

        /// Clients of new users that come and go again, one at a time.
        /// - Returns: how many there were.
        private static func joiners(on node: TestNode, while isRunning: () -> Bool) async throws -> Int {
            var number = 0
            while isRunning() {
                number += 1
                let client = try await node.connect("/ws?user=\(node.name)-\(number)")
                try await client.close()
                await client.waitForEnd()
            }
            return number
        }

        @Test
        func `Every push is answered by all nodes concerned, with exactly the clients that stay, and no node is unready`()
            async throws
        {
            // With announcements: what is on by default.
            try await Cluster.run(options: Self.options) { cluster in
                let members = [try await cluster.a.connect("/ws?user=ann"), try await cluster.b.connect("/ws?user=ann")]
                try await cluster.waitForConnections(2)
                let ids = try await cluster.a.inventory().sorted { $0.node < $1.node }.map(\.id)
                for id in ids { #expect(try await cluster.c.request("PUT", "/api/groups/red/connections/\(id)").status == 204) }

                let traffic = RollingRestart.Traffic()
                let rounds = 40
                try await withThrowingTaskGroup(of: Int.self) { group in
                    for node in cluster.nodes {
                        group.addTask { try await Self.joiners(on: node, while: { !traffic.isOver }) }
                    }
                    defer { traffic.end() }
                    for round in 0..<rounds {
                        let via = cluster.nodes[round % 3]
                        for (path, recipients) in [
                            ("users/ann/send", 2), ("groups/red/send", 2), ("connections/\(ids[round % 2])/send", 1),
                        ] {
                            let receipt = try await Self.push("\(path) \(round)", to: path, via: via)
                            #expect(
                                receipt.recipients == recipients && receipt.missing.isEmpty && !receipt.degraded,
                                "\(receipt)"
                            )
                        }
                        let receipt = try await Self.push("all \(round)", to: "connections/broadcast", via: via)
                        #expect(receipt.nodes.map(\.node) == ["a", "b", "c"] && receipt.missing.isEmpty && !receipt.degraded)
                        #expect(receipt.recipients >= 2, "\(receipt)")
                        #expect(try await via.request("GET", "/readyz").status == 200)
                    }
                    traffic.end()
                    let came = try await group.reduce(into: []) { $0.append($1) }
                    #expect(came.allSatisfy { $0 >= rounds }, "\(came)")
                }
                _ = try await cluster.c.broadcast("the end")
                for (index, member) in members.enumerated() {
                    let got = try await member.everything(until: "the end").filter { $0.type == "server-broadcast" }
                    let expected = (0..<rounds).flatMap { round in
                        ["users/ann/send \(round)", "groups/red/send \(round)"]
                            + (round % 2 == index ? ["connections/\(ids[index])/send \(round)"] : []) + ["all \(round)"]
                    }
                    #expect(got.compactMap(\.message) == expected)
                }
            }
        }
    }
}
