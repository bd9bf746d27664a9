import Foundation
import TestSupport
import Testing

extension RealProcesses {
    /// A node says what it is ill of, and since when.
    @Suite
    struct ReadinessTests {
        private static func readiness(of node: TestNode) async throws -> Readiness {
            try await node.request("GET", "/readyz").decode()
        }

        private static func time(_ part: Readiness.Part) throws -> Date {
            try Date(part.since, strategy: Date.ISO8601FormatStyle(includingFractionalSeconds: true))
        }

        @Test
        func `Of a Redis that goes: both parts, with a reason, since then; when it is back: well, since then`() async throws {
            try await Cluster.run(nodes: 1) { cluster in
                let well = try await Self.readiness(of: cluster.a)
                #expect(well.ready && [well.relay.state, well.presence.state] == ["up", "up"])
                #expect(well.relay.reason == nil && well.presence.reason == nil)
                #expect(try Self.time(well.relay) < .now && Self.time(well.presence) < .now)

                let before = Date.now
                cluster.redis.stop()
                #expect(
                    try await eventually {
                        let ill = try await Self.readiness(of: cluster.a)
                        return [ill.relay.state, ill.presence.state] == ["down", "down"]
                    }
                )
                let ill = try await Self.readiness(of: cluster.a)
                #expect(ill.relay.reason?.isEmpty == false && ill.presence.reason?.isEmpty == false)
                // Whole milliseconds, rounded down.
                for part in [ill.relay, ill.presence] {
                    #expect(try (before.addingTimeInterval(-0.001)...(.now)).contains(Self.time(part)))
                }
                try await Task.sleep(for: .milliseconds(300))
                let still = try await Self.readiness(of: cluster.a)
                #expect([still.relay.since, still.presence.since] == [ill.relay.since, ill.presence.since])

                let later = Date.now
                try cluster.redis.restart()
                #expect(await eventually { await cluster.a.isReady() })
                let again = try await Self.readiness(of: cluster.a)
                #expect(try Self.time(again.relay) >= later.addingTimeInterval(-0.001))
                #expect(try Self.time(again.presence) >= later.addingTimeInterval(-0.001))
            }
        }

        @Test
        func `Of writes that Redis refuses for want of memory: presence alone, since messages need none`() async throws {
            try await Cluster.run(nodes: 1, options: Cluster.quiet) { cluster in
                #expect(cluster.redis.command("CONFIG", "SET", "maxmemory", "1") == "+OK\r\n")
                #expect(try await eventually { try await Self.readiness(of: cluster.a).presence.state == "down" })
                let ill = try await Self.readiness(of: cluster.a)
                #expect(!ill.ready && ill.relay.state == "up" && ill.relay.reason == nil)
                #expect(ill.presence.reason?.contains("OOM") == true, "\(ill)")
                #expect(try await cluster.a.request("GET", "/readyz").status == 503)
                #expect(cluster.redis.command("CONFIG", "SET", "maxmemory", "0") == "+OK\r\n")
                #expect(await eventually { await cluster.a.isReady() })
            }
        }

        @Test
        func `Of clients that come, each the first of its user: nothing, all the while`() async throws {
            let redis = try RedisServer.start()
            let proxy = try await TCPProxy.start(to: redis.port)
            let options = Cluster.quiet + ["--insecure-user-query", "--redis", proxy.url]
            try await Cluster.run(nodes: 1, options: options, on: redis) { cluster in
                #expect(await eventually { await cluster.a.isReady() })
                let before = try await Self.readiness(of: cluster.a)
                // Each new subscription takes a while.
                try await proxy.set(.delay(.milliseconds(5)))
                async let clients = withThrowingTaskGroup(of: WebSocketTestClient.self) { group in
                    for number in 0..<100 {
                        group.addTask { try await cluster.a.connect("/ws?user=user-\(number)") }
                        try await Task.sleep(for: .milliseconds(5))
                    }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
                var pending = 0
                while try await cluster.a.count() != 100 {
                    let answer = try await cluster.a.request("GET", "/readyz")
                    try #require(answer.status == 200, "\(answer.body)")
                    #expect(try await cluster.a.metric("volary_relay_up") == 1)
                    pending = max(pending, try #require(try await cluster.a.metric("volary_subscriptions_pending")))
                }
                #expect(try await clients.count == 100)
                #expect(pending > 0, "nobody was seen joining")
                #expect(try await Self.readiness(of: cluster.a).relay.since == before.relay.since)
                #expect(try await cluster.a.metric("volary_subscriptions_pending") == 0)
            }
            await proxy.stop()
        }
    }
}
