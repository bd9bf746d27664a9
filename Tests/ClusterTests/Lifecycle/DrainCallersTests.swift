import Foundation
import TestSupport
import Testing

extension RealProcesses {
    /// Callers of a node that is sent away.
    @Suite
    struct DrainCallersTests {
        private static let push = "POST /api/connections/broadcast HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"

        /// The first half of a request, whose other half never comes.
        private static func half(_ head: String, to node: TestNode) async throws -> RawTestClient {
            let client = try await RawTestClient.connect(port: node.process.port)
            try await client.send(head + "Content-Length: 1000\r\n\r\n{")
            return client
        }

        /// - Parameter signals: the second one, with which the rest of the drain time counts no more.
        private static func stop(_ node: TestNode, signals: Int) async {
            node.process.beginTermination()
            guard signals > 1 else { return }
            _ = await eventually { node.process.output.contains("Draining") }
            node.process.beginTermination()
        }

        @Test(arguments: [1, 2])
        func `None holds up its exit, all get an answer, and presence is gone`(signals: Int) async throws {
            let options = Cluster.quiet + ["--lease", "60s", "--drain-timeout", signals == 1 ? "2s" : "60s"]
            try await Cluster.run(options: options) { cluster in
                let (leaving, other, frozen) = (cluster.a, cluster.b, cluster.c)
                let watcher = try await other.connect()
                try await cluster.waitForConnections(1)
                frozen.process.freeze()
                // On a loaded machine its threads run on for a moment.
                #expect(await eventually { await !frozen.isReady() })

                func broadcast(_ text: String, by node: TestNode, key: String?) async throws -> HTTPTestResponse {
                    let headers = key.map { ["idempotency-key": $0] } ?? [:]
                    let path = "/api/connections/broadcast?timeout=30s"
                    return try await node.request("POST", path, headers: headers, body: #"{"message":"\#(text)"}"#)
                }
                async let first = broadcast("first", by: leaving, key: nil)
                try await watcher.see { $0 == .broadcast("first") }
                async let elsewhere = broadcast("elsewhere", by: other, key: "key")
                try await watcher.see { $0 == .broadcast("elsewhere") }
                async let twin = broadcast("elsewhere", by: leaving, key: "key")

                let refused = try await Self.half("POST /livez HTTP/1.1\r\nHost: x\r\n", to: leaving)
                #expect(await eventually { refused.received.hasPrefix("HTTP/1.1 405") })
                let unanswered = try await Self.half(Self.push, to: leaving)
                let deaf = try await RawTestClient.connect(port: leaving.process.port)
                try await deaf.stopReading()
                try await deaf.send(String(repeating: "GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n", count: 2000))
                // All of them have come: this one is behind them.
                #expect(try await leaving.request("GET", "/livez").status == 200)

                cluster.forget(leaving)
                let start = ContinuousClock.now
                await Self.stop(leaving, signals: signals)
                #expect(await leaving.process.exit(within: .seconds(20)) == 0, "\(leaving.process.output)")
                #expect(start.duration(to: .now) < .seconds(8), "\(leaving.process.output)")

                let answer = try await first
                #expect(answer.status == 200, "\(answer.body)")
                #expect(try answer.decode(Receipt.self).missing == ["c"], "\(answer.body)")
                let busy = try await twin
                #expect(busy.status == 409, "\(busy.body)")
                #expect(await eventually { unanswered.isEnded && refused.isEnded })
                #expect(unanswered.received.hasPrefix("HTTP/1.1 408"), "\(unanswered.received)")

                #expect(!leaving.process.output.contains("Presence not removed"), "\(leaving.process.output)")
                let list: NodeList = try await other.get("/api/nodes")
                #expect(list.nodes.map(\.name) == ["b", "c"])
                frozen.process.thaw()
                #expect(try await elsewhere.status == 200)
            }
        }

        @Test
        func `A TLS handshake that does not go on does not hold up the exit`() async throws {
            let process = try await VolaryProcess.start(
                Cluster.quiet + ["--handshake-timeout", "60s"],
                tls: try TestCertificate()
            )
            let silent = try await RawTestClient.connect(port: process.port)
            let begun = try await RawTestClient.connect(port: process.port)
            // The beginning of a ClientHello.
            try await begun.send(bytes: [0x16, 3, 1, 2, 0, 1, 0])
            let start = ContinuousClock.now
            #expect(await process.terminate(within: .seconds(20)) == 0)
            #expect(start.duration(to: .now) < .seconds(5))
            #expect(await eventually { silent.isEnded && begun.isEnded })
        }

        @Test(arguments: [1, 2])
        func `A Redis that stands still holds it up by a few seconds, a node in a hurry by about one`(signals: Int) async throws {
            try await Cluster.run(nodes: 1, options: Cluster.quiet + ["--drain-timeout", "1s"]) { cluster in
                let leaving = cluster.a
                let client = try await leaving.connect()
                try await cluster.waitForConnections(1)
                cluster.redis.freeze()
                async let list = leaving.request("GET", "/api/connections")
                try await client.send("on its way")
                cluster.forget(leaving)
                let start = ContinuousClock.now
                await Self.stop(leaving, signals: signals)
                #expect(await leaving.process.exit(within: .seconds(30)) == 0)
                #expect(start.duration(to: .now) < .seconds(signals == 1 ? 9 : 5), "\(leaving.process.output)")
                #expect(try await list.status == 200)
                cluster.redis.thaw()
            }
        }
    }
}
