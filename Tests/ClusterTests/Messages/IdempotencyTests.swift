import TestSupport
import Testing

extension RealProcesses {
    /// Idempotency-Key in a cluster.
    @Suite
    struct IdempotencyTests {
        private static let path = "/api/connections/broadcast"

        private func push(_ text: String, key: String, via node: TestNode) async throws -> HTTPTestResponse {
            try await node.request("POST", Self.path, headers: ["idempotency-key": key], body: "{\"message\":\"\(text)\"}")
        }

        @Test
        func `Sixty requests with one key over three nodes are one delivery, and all get its answer`() async throws {
            try await Cluster.run { cluster in
                let clients = [try await cluster.a.connect(), try await cluster.b.connect(), try await cluster.c.connect()]
                try await cluster.waitForConnections(3)
                let nodes = cluster.nodes
                let answers = try await withThrowingTaskGroup { group in
                    for number in 0..<60 {
                        group.addTask { try await self.push("once", key: "twins", via: nodes[number % 3]) }
                    }
                    return try await group.reduce(into: [HTTPTestResponse]()) { $0.append($1) }
                }
                #expect(answers.allSatisfy { $0.status == 200 })
                #expect(Set(answers.map(\.body)).count == 1)
                #expect(answers.count { $0[header: "idempotency-replayed"] == nil } == 1)
                _ = try await cluster.b.broadcast("the end")
                for client in clients {
                    let seen = try await client.everything(until: "the end")
                    #expect(seen == [.broadcast("once")])
                }
            }
        }

        @Test
        func `Another body under a key is 422, and another key is another delivery`() async throws {
            try await Cluster.run(nodes: 2) { cluster in
                let client = try await cluster.b.connect()
                try await cluster.waitForConnections(1)
                #expect(try await self.push("first", key: "k", via: cluster.a).status == 200)
                let reused = try await self.push("second", key: "k", via: cluster.b)
                #expect(reused.status == 422)
                #expect(try reused.decode(Problem.self).type == "urn:volary:problem:idempotency-key-reused")
                #expect(try await self.push("first", key: "l", via: cluster.b).status == 200)
                _ = try await cluster.a.broadcast("the end")
                let seen = try await client.everything(until: "the end")
                #expect(seen == [.broadcast("first"), .broadcast("first")])
            }
        }

        @Test
        func `Without Redis a request with a key is 503 and goes nowhere; without a key it is degraded`() async throws {
            try await Cluster.run(nodes: 1) { cluster in
                let client = try await cluster.a.connect()
                try await cluster.waitForConnections(1)
                cluster.redis.kill()
                let isAway = await eventually { await !cluster.a.isReady() }
                try #require(isAway)
                let refused = try await self.push("lost", key: "k", via: cluster.a)
                #expect(refused.status == 503)
                #expect(refused[header: "retry-after"] != nil)
                let degraded = try await cluster.a.request("POST", Self.path, body: #"{"message":"heard"}"#)
                #expect(degraded.status == 202)
                #expect(try await client.see() == .broadcast("heard"))
            }
        }
    }
}
