import TestSupport
import Testing

extension RealProcesses {
    /// Nodes that die, leave or stand still.
    @Suite
    struct NodeFailureTests {
        @Test
        func `After kill -9 a node's connections leave every inventory within 5 s, and the others work on meanwhile`()
            async throws
        {
            try await Cluster.run { cluster in
                let doomed = try await cluster.c.connect(5)
                let survivors = [try await cluster.a.connect(), try await cluster.b.connect()]
                try await cluster.waitForConnections(7)

                cluster.kill(cluster.c)
                let death = ContinuousClock.now
                for client in doomed { #expect(await eventually { client.isEnded }) }

                // From the first moment on, an answer comes in time and tells the truth about c.
                var missing: [[String]] = []
                while true {
                    let asked = ContinuousClock.now
                    let lists: [ConnectionList] = [
                        try await cluster.a.get("/api/connections"), try await cluster.b.get("/api/connections"),
                    ]
                    if lists.allSatisfy({ $0.connections.allSatisfy { $0.node != "c" } }) {
                        #expect(lists.map(\.count) == [2, 2])
                        // A list without the ghosts is complete, or says whose connections it may lack.
                        for list in lists { #expect(list.missing == (list.complete ? [] : ["c"])) }
                        break
                    }
                    try #require(death.duration(to: asked) < .seconds(5), "ghosts are still listed")
                    missing.append(try await self.missingOfBoundedBroadcast(from: cluster.a))
                }
                // Until a has seen that c's lease is over, c is missing; from then on it is not.
                let expected = missing.prefix { $0 == ["c"] }
                #expect(!expected.isEmpty && missing.dropFirst(expected.count).allSatisfy(\.isEmpty), "\(missing)")
                for node in cluster.nodes {
                    let gone = try await eventually(within: .seconds(3)) {
                        let list: NodeList = try await node.get("/api/nodes")
                        return list.nodes.map(\.name) == ["a", "b"]
                    }
                    #expect(gone)
                    #expect(try await node.count() == 2)
                    let forgotten = try await eventually(within: .seconds(3)) {
                        try await node.broadcast("and then").missing.isEmpty
                    }
                    #expect(forgotten)
                }
                try await survivors[0].send("still here")
                for survivor in survivors {
                    try await survivor.see { $0.type == "message" && $0.message == "still here" }
                }
            }
        }

        /// Of a broadcast that a dead node does not answer: the nodes that are said to be missing.
        private func missingOfBoundedBroadcast(from node: TestNode) async throws -> [String] {
            let start = ContinuousClock.now
            let receipt = try await node.broadcast("meanwhile", query: "?timeout=1s")
            #expect(start.duration(to: .now) < .seconds(4))
            #expect(receipt.recipients == 2)
            #expect(receipt.nodes.map(\.node) == ["a", "b"])
            return receipt.missing
        }

        @Test
        func `The clients that went with a dead node are announced as left`() async throws {
            try await Cluster.run(nodes: 2, options: ["--lease", "1s"]) { cluster in
                let doomed = try await cluster.b.connect(4)
                let watcher = try await cluster.a.connect()
                try await cluster.waitForConnections(5)
                cluster.kill(cluster.b)
                try await watcher.see { $0 == .plain(type: "system", from: nil, message: "4 clients left.") }
                withExtendedLifetime(doomed) {}
            }
        }

        @Test
        func `SIGTERM: not ready at once, clients closed with 1012, presence gone long before the lease, exit 0`() async throws {
            try await Cluster.run(options: Cluster.quiet + ["--lease", "30s", "--drain-delay", "4s"]) { cluster in
                let leaving = cluster.b
                let clients = try await leaving.connect(20)
                let survivor = try await cluster.a.connect()
                try await cluster.waitForConnections(21)

                leaving.process.beginTermination()
                let start = ContinuousClock.now
                let notReady = await eventually(within: .seconds(3)) { await !leaving.isReady() }
                #expect(notReady)
                let readiness = try await leaving.request("GET", "/readyz")
                #expect(readiness.status == 503)
                #expect(try readiness.decode(Readiness.self).draining)
                #expect(try await leaving.request("GET", "/livez").status == 200)
                // In the delay it still does its work.
                let latecomer = try await leaving.connect()
                #expect(clients.allSatisfy { $0.closeCode == nil })

                cluster.forget(leaving)
                for client in clients + [latecomer] { #expect(await client.closed() == 1012) }
                #expect(await leaving.process.exit(within: .seconds(30)) == 0)
                #expect(start.duration(to: .now) < .seconds(20))
                for node in cluster.nodes {
                    #expect(try await node.count() == 1)
                    let list: NodeList = try await node.get("/api/nodes")
                    #expect(list.nodes.map(\.name) == ["a", "c"])
                }
                #expect(!survivor.isEnded)
            }
        }

        @Test
        func `SIGTERM ends in time also with a client that never answers the close`() async throws {
            try await Cluster.run(nodes: 2, options: Cluster.quiet + ["--drain-timeout", "2s"]) { cluster in
                let leaving = cluster.b
                let silent = try await leaving.connect(options: .init(answersClose: false))
                try await cluster.waitForConnections(1)
                cluster.forget(leaving)
                let start = ContinuousClock.now
                #expect(await leaving.process.terminate(within: .seconds(30)) == 0)
                #expect(start.duration(to: .now) < .seconds(9))
                #expect(await silent.closed() == 1012)
                // NIO's word for what it will one day end the process for.
                #expect(!leaving.process.output.contains("Cannot schedule tasks"))
                #expect(try await cluster.a.count() == 0)
            }
        }

        @Test
        func `SIGTERM does not wait for HTTP connections that are idle, or that have said nothing yet`() async throws {
            let process = try await VolaryProcess.start(Cluster.quiet)
            let idle = try await RawTestClient.connect(port: process.port)
            try await idle.send("GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(await eventually { idle.received.contains("200 OK") })
            let silent = try await RawTestClient.connect(port: process.port)
            #expect(await process.terminate(within: .seconds(20)) == 0)
            #expect(await eventually { idle.isEnded && silent.isEnded })
        }

        @Test
        func `A node is ready as soon as it can reach Redis, however long its lease is`() async throws {
            try await Cluster.run(nodes: 0) { cluster in
                let start = ContinuousClock.now
                try await cluster.start("a", options: ["--lease", "60s"])
                #expect(start.duration(to: .now) < .seconds(10))
            }
        }

        @Test
        func `A node that stood still past its lease comes back with its connections, once`() async throws {
            try await Cluster.run(options: Cluster.quiet + ["--lease", "1s"]) { cluster in
                let clients = try await cluster.c.connect(6)
                let other = try await cluster.a.connect()
                try await cluster.waitForConnections(7)
                let before = Set(try await cluster.a.inventory().map(\.id))

                cluster.c.process.freeze()
                let left = try await eventually { try await cluster.a.count() == 1 }
                #expect(left)
                // Two go while the node cannot see it.
                for client in clients.prefix(2) { await client.disconnect() }
                cluster.c.process.thaw()
                try await cluster.waitForConnections(5)

                for node in cluster.nodes {
                    let after = try await node.inventory().map(\.id)
                    #expect(after.count == 5 && Set(after).count == 5)
                    #expect(before.isSuperset(of: after))
                }
                let known = try await eventually {
                    let receipt = try await cluster.b.broadcast("again")
                    return receipt.nodes.map(\.node) == ["a", "b", "c"] && receipt.recipients == 5
                }
                #expect(known)
                let stayed = clients.dropFirst(2)
                for client in stayed + [other] { #expect(!client.isEnded) }
                for client in stayed { try await client.see { $0 == .broadcast("again") } }
            }
        }

        @Test
        func `A node started under the name of one that was killed puts its old entries away at once`() async throws {
            try await Cluster.run(nodes: 2, options: Cluster.quiet + ["--lease", "15s"]) { cluster in
                let doomed = try await cluster.b.connect(3)
                let staying = try await cluster.a.connect()
                try await cluster.waitForConnections(4)
                cluster.kill(cluster.b)
                let death = ContinuousClock.now
                #expect(try await cluster.a.count() == 4)
                try await cluster.start("b", options: Cluster.quiet + ["--lease", "15s"])
                #expect(try await cluster.a.count() == 1)
                let list: NodeList = try await cluster.a.get("/api/nodes")
                #expect(list.nodes.map(\.name) == ["a", "b"])
                // The lease had nothing to do with it.
                #expect(death.duration(to: .now) < .seconds(10))
                withExtendedLifetime((doomed, staying)) {}
            }
        }

        @Test
        func `The clients of a killed node are announced as left also when it is started again before its lease is over`()
            async throws
        {
            try await Cluster.run(nodes: 2, options: ["--lease", "15s"]) { cluster in
                let doomed = try await cluster.b.connect(3)
                let watcher = try await cluster.a.connect()
                try await cluster.waitForConnections(4)
                cluster.kill(cluster.b)
                try await cluster.start("b", options: ["--lease", "15s"])
                try await watcher.see(within: .seconds(10)) {
                    $0 == .plain(type: "system", from: nil, message: "3 clients left.")
                }
                withExtendedLifetime(doomed) {}
            }
        }
    }
}
