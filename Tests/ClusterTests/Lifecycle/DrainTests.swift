import Foundation
import TestSupport
import Testing

extension RealProcesses {
    /// A node is sent away.
    @Suite
    struct DrainTests {
        private static func drain(_ node: String, by other: TestNode, key: String? = nil) async throws -> HTTPTestResponse {
            let headers = key.map { ["Idempotency-Key": $0] } ?? [:]
            return try await other.request("POST", "/api/nodes/\(node)/drain", headers: headers, within: .seconds(5))
        }

        private static func id(of node: TestNode, seenBy other: TestNode) async throws -> String {
            let list: NodeList = try await other.get("/api/nodes")
            return try #require(list.nodes.first { $0.name == node.name }).id
        }

        @Test
        func `POST drain on any node: the node is shown as draining, closes its clients with 1012, and ends with 0`() async throws
        {
            try await Cluster.run(options: Cluster.quiet + ["--drain-delay", "5s"]) { cluster in
                let leaving = cluster.c
                let clients = try await leaving.connect(5)
                let survivor = try await cluster.a.connect()
                try await cluster.waitForConnections(6)
                let id = try await Self.id(of: leaving, seenBy: cluster.a)

                let start = ContinuousClock.now
                for key in [nil, "key", "key"] {
                    // A second time is fine, and with a key it is not even a second time.
                    let answer = try await Self.drain(id, by: cluster.a, key: key)
                    #expect(answer.status == 202, "\(answer.body)")
                    #expect(try answer.decode([String: String].self) == ["id": id])
                }
                #expect(start.duration(to: .now) < .seconds(4))
                let shown = try await eventually {
                    let list: NodeList = try await cluster.b.get("/api/nodes")
                    return list.nodes.map(\.draining) == [false, false, true]
                }
                #expect(shown)
                // Also by itself; it still serves.
                #expect(try await Self.drain(id, by: leaving).status == 202)
                #expect(await !leaving.isReady())
                #expect(try await leaving.broadcast("going").recipients == 6)

                cluster.forget(leaving)
                for client in clients { #expect(await client.closed() == 1012) }
                #expect(await leaving.process.exit(within: .seconds(10)) == 0)
                for node in cluster.nodes { #expect(try await node.count() == 1) }
                #expect(!survivor.isEnded)
                let gone = try await Self.drain(id, by: cluster.a)
                #expect(gone.status == 404)
                #expect(try gone.decode(Problem.self).type == "urn:volary:problem:unknown-node")
            }
        }

        @Test
        func `Of a node that is none drain says 404, of one that does not answer 504`() async throws {
            try await Cluster.run(nodes: 2) { cluster in
                for id in ["00000000", "x", "0123456789", "%20"] {
                    let answer = try await Self.drain(id, by: cluster.a)
                    #expect(answer.status == 404, "\(id): \(answer.body)")
                }
                #expect(try await cluster.a.request("GET", "/api/nodes/00000000/drain").status == 405)
                let id = try await Self.id(of: cluster.b, seenBy: cluster.a)
                cluster.b.process.freeze()
                let answer = try await Self.drain(id, by: cluster.a)
                #expect(answer.status == 504, "\(answer.body)")
                #expect(try answer.decode(Problem.self).type == "urn:volary:problem:node-silent")
                // It does what it was asked when it can.
                let silent = cluster.b
                cluster.forget(silent)
                silent.process.thaw()
                #expect(await silent.process.exit(within: .seconds(15)) == 0)
            }
        }

        @Test(
            arguments: [SIGTERM, SIGINT, SIGQUIT]
        )
        func `A second signal hurries: everybody gets 1012 now, REST callers their answer, exit 0 within about a second`(
            signal: CInt
        ) async throws {
            let options = Cluster.quiet + ["--drain-delay", "60s", "--drain-timeout", "60s", "--close-timeout", "60s"]
            try await Cluster.run(options: options) { cluster in
                let (leaving, other, frozen) = (cluster.a, cluster.b, cluster.c)
                let send = { leaving.process.signal(signal) }
                let clients = try await leaving.connect(150)
                let silent = try await leaving.connect(options: .init(answersClose: false))
                try await cluster.waitForConnections(151)
                frozen.process.freeze()
                async let waiting = leaving.request(
                    "POST",
                    "/api/connections/broadcast?timeout=30s",
                    body: #"{"message":"who is there?"}"#,
                    within: .seconds(20)
                )
                for client in clients { try await client.see { $0 == .broadcast("who is there?") } }
                send()
                #expect(await eventually { await !leaving.isReady() })
                #expect(clients.allSatisfy { $0.closeCode == nil })

                cluster.forget(leaving)
                send()
                let start = ContinuousClock.now
                let answer = try await waiting
                #expect(answer.status == 200, "\(answer.body)")
                #expect(try answer.decode(Receipt.self).missing == ["c"])
                for client in clients + [silent] { #expect(await client.closed() == 1012) }
                #expect(await leaving.process.exit(within: .seconds(10)) == 0)
                // About one; the drain time is ten.
                #expect(start.duration(to: .now) < .seconds(6))
                frozen.process.thaw()
                #expect(try await other.count() == 0)
            }
        }

        @Test
        func `A request to drain and then one signal is no hurry`() async throws {
            try await Cluster.run(nodes: 2, options: Cluster.quiet + ["--drain-delay", "3s"]) { cluster in
                let leaving = cluster.b
                let client = try await leaving.connect()
                let id = try await Self.id(of: leaving, seenBy: cluster.a)
                let start = ContinuousClock.now
                #expect(try await Self.drain(id, by: cluster.a).status == 202)
                cluster.forget(leaving)
                #expect(await leaving.process.terminate(within: .seconds(15)) == 0)
                #expect(start.duration(to: .now) >= .seconds(3))
                #expect(await client.closed() == 1012)
            }
        }

        @Test(arguments: [1, 2])
        func `What the node has read from a client reaches the cluster, however soon the node ends`(signals: Int) async throws {
            try await Cluster.run(nodes: 2) { cluster in
                let (leaving, other) = (cluster.b, cluster.a)
                let watcher = try await other.connect()
                let talkers = try await leaving.connect(4)
                try await cluster.waitForConnections(5)
                let said = await withTaskGroup(of: Set<String>.self) { tasks in
                    for (number, talker) in talkers.enumerated() {
                        tasks.addTask {
                            var count = 0
                            while !talker.isEnded, talker.closeCode == nil, count < 100_000 {
                                // The echo says that the node has read it; with the close under way none comes any more.
                                guard (try? await talker.send("\(number)-\(count)")) != nil else { break }
                                count += 1
                                if count % 20 == 0 { try? await Task.sleep(for: .milliseconds(5)) }
                            }
                            await talker.waitForEnd()
                            return Set(
                                talker.takeAll().compactMap { (try? Seen($0)).flatMap { $0.type == "echo" ? $0.message : nil } }
                            )
                        }
                    }
                    _ = await eventually { talkers.allSatisfy { $0.waiting > 100 } }
                    cluster.forget(leaving)
                    for _ in 0..<signals { leaving.process.beginTermination() }
                    return await tasks.reduce(into: Set<String>()) { $0.formUnion($1) }
                }
                #expect(await leaving.process.exit(within: .seconds(15)) == 0)
                _ = try await cluster.a.broadcast("the end")
                let heard = Set(try await watcher.everything(until: "the end").compactMap(\.message))
                #expect(said.count > 40)
                #expect(
                    said.subtracting(heard).isEmpty,
                    "\(said.count) said, lost: \(said.subtracting(heard).sorted().prefix(10))"
                )
            }
        }

        @Test
        func `While it drains, a node answers requests on kept connections, and ends these behind the answer`() async throws {
            let process = try await VolaryProcess.start(Cluster.quiet + ["--drain-delay", "3s"])
            let kept = try await RawTestClient.connect(port: process.port)
            let request = "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"
            try await kept.send(request)
            #expect(await eventually { kept.received.contains("true") })
            #expect(!kept.received.lowercased().contains("connection: close"))
            process.beginTermination()
            #expect(await eventually { process.output.contains("Draining") })
            let before = kept.received.utf8.count
            try await kept.send(request)
            #expect(await eventually { kept.isEnded })
            let answer = String(decoding: Array(kept.received.utf8).dropFirst(before), as: UTF8.self)
            #expect(answer.hasPrefix("HTTP/1.1 200 OK") && answer.lowercased().contains("connection: close"))
            #expect(process.isRunning)
            #expect(await process.exit(within: .seconds(10)) == 0)
        }
    }
}
