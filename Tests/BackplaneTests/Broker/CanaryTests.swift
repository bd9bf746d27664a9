import TestSupport
import Testing
import VolaryBackplane
import VolaryProtocol

/// A canary every 100 ms, through a real Redis and through one that only looks alive.
@Suite(.timeLimit(.minutes(2)))
struct CanaryTests {
    private func withNode(
        _ url: String,
        delivery: BrokerSettings.Delivery = .logged,
        _ body: (any Broker) async throws -> Void
    ) async throws {
        let settings = BrokerSettings(delivery: delivery, canaryInterval: .milliseconds(200))
        try await BrokerKind.run([.redis(try RedisConfiguration(url: url), settings: settings)]) { nodes in
            try await nodes[0].broker.subscribe(to: .all)
            try await body(nodes[0].broker)
        }
    }

    private static func calls(of command: String, _ server: RedisServer) -> Int {
        let lines = server.command("INFO", "commandstats")?.split(separator: "\r\n") ?? []
        let line = lines.first { $0.hasPrefix("cmdstat_\(command):") }
        return line?.firstMatch(of: /calls=(\d+)/).flatMap { Int($0.1) } ?? 0
    }

    @Test(
        arguments: [BrokerSettings.Delivery.logged, .atMostOnce]
    )
    func `An idle, healthy path is proven again and again, and never restarted`(delivery: BrokerSettings.Delivery) async throws {
        let server = try RedisServer.start()
        defer { server.stop() }
        try await self.withNode(server.url, delivery: delivery) { broker in
            #expect(await eventually { broker.health.isUp })
            let lag = try #require(broker.health.lag)
            #expect(lag > .zero && lag < .seconds(10))
            #expect(await eventually { Self.calls(of: "spublish", server) >= 20 })
            #expect(Self.calls(of: "del", server) >= 20)
            #expect(broker.health.isUp && broker.health.interruptions == 0)
        }
    }

    @Test
    func `A Redis that answers, but passes no message on, is found out, again and again`() async throws {
        let redis = try await FakeRedis.start { _, received in
            let answer = (FakeRedis.greeting(to: received) ?? "") + FakeRedis.acknowledgement(of: received)
            let writes = received.split(separator: "\r\n").count { $0 == "DEL" || $0 == "SPUBLISH" }
            return .text(answer + String(repeating: ":1\r\n", count: writes))
        }
        let url = "redis://127.0.0.1:\(redis.port)"
        try await self.withNode(url, delivery: .atMostOnce) { broker in
            #expect(!broker.health.isUp)
            #expect(await eventually { redis.connections >= 6 })
            #expect(!broker.health.isUp && broker.health.lag == nil)
            #expect(await eventually { broker.health.state == .down(reason: "what this node publishes does not come back") })
        }
        await redis.stop()
    }

    @Test
    func `A Redis that refuses makes the relay ill, which costs no link`() async throws {
        let server = try RedisServer.start()
        defer { server.stop() }
        try await self.withNode(server.url) { broker in
            #expect(await eventually { broker.health.isUp })
            server.command("ACL", "SETUSER", "default", "-del")
            #expect(await eventually { "\(broker.health.state)".contains("Redis takes no messages: NOPERM") })
            server.command("ACL", "SETUSER", "default", "+del")
            #expect(await eventually { broker.health.isUp })
            #expect(broker.health.interruptions == 0)
        }
    }

    @Test(
        arguments: [BrokerSettings.Delivery.logged, .atMostOnce]
    )
    func `A Redis without memory takes messages, with a log and without`(delivery: BrokerSettings.Delivery) async throws {
        let server = try RedisServer.start()
        defer { server.stop() }
        try await self.withNode(server.url, delivery: delivery) { broker in
            #expect(await eventually { broker.health.isUp })
            server.command("CONFIG", "SET", "maxmemory", "1")
            let before = Self.calls(of: "spublish", server)
            #expect(await eventually { Self.calls(of: "spublish", server) >= before + 5 })
            #expect(broker.health.isUp && broker.health.interruptions == 0)
        }
    }
}
