import Logging
import NIOConcurrencyHelpers
import NIOPosix
import TestSupport
import Testing
import VolaryProtocol

@testable import VolaryBackplane

/// Two brokers on real servers that real sentinels watch.
@Suite(.timeLimit(.minutes(2)))
struct SentinelWatchTests {
    @Test
    func `Sentinels with a password of their own get it, and the servers theirs`() async throws {
        let cluster = try await SentinelCluster.start(password: "servers", sentinelPassword: "sentinels")
        defer { cluster.stop() }
        let configuration = try RedisConfiguration(url: cluster.url + "?sentinel_password=sentinels")
        try await BrokerKind.run([.redis(configuration)]) { nodes in
            try await nodes[0].broker.subscribe(to: .all)
            #expect(await eventually { nodes[0].broker.health.isUp })
        }
        let wrong = try RedisConfiguration(url: cluster.url)
        try await BrokerKind.run([.redis(wrong)]) { nodes in
            #expect(await eventually { "\(nodes[0].broker.health.state)".contains("WRONGPASS") })
        }
    }

    /// - Parameter interval: how often sentinels are asked; nil for the default.
    private func withBrokers(
        at url: String,
        interval: Duration? = nil,
        _ body: ([BrokerEndpoint]) async throws -> Void
    ) async throws {
        var configuration = try RedisConfiguration(url: url)
        if let interval { configuration.sentinelInterval = interval }
        try await BrokerKind.run([.redis(configuration), .redis(configuration)]) { nodes in
            try await body(nodes)
        }
    }

    private func expectToWork(_ nodes: [BrokerEndpoint], _ text: String) async throws {
        for node in nodes { try await node.broker.subscribe(to: .all) }
        #expect(await eventually { nodes.allSatisfy { $0.broker.health.isUp } }, "\(nodes.map(\.broker.health))")
        #expect(await nodes[0].publish(text) == .success(.relayed(receivers: 2)))
        #expect(await eventually { nodes.allSatisfy { $0.receiver.texts.last == text } })
    }

    @Test func `Sentinels that want a password get Redis`() async throws {
        let redis = try await SentinelCluster.start(password: "hunter2")
        defer { redis.stop() }
        try await self.withBrokers(at: redis.url) { nodes in
            try await self.expectToWork(nodes, "found")
            let old = try redis.master
            old.kill()
            let new = try await redis.newMaster(after: old)
            try await self.expectToWork(nodes, "found again")
            // The replica had the first already, and does not take it again.
            #expect(new.sendings().map { [$0.sequence, $0.attempt] } == [[1, 0], [2, 0]])
        }
    }

    @Test func `A Sentinel that lies is not believed`() async throws {
        let redis = try await SentinelCluster.start()
        defer { redis.stop() }
        // Of all servers it names a replica, of all times the newest.
        let replica = redis.servers[1].port
        let questions = NIOLockedValueBox(0)
        let liar = try await FakeRedis.start { _, received in
            if received.contains("GET-MASTER-ADDR-BY-NAME") { questions.withLockedValue { $0 += 1 } }
            return Self.sentinelAnswers(to: received, master: replica, epoch: 999)
        }
        let url = redis.url(sentinels: [liar.port, redis.sentinels[0].port])
        try await self.withBrokers(at: url, interval: .milliseconds(50)) { nodes in
            try await self.expectToWork(nodes, "found")
            #expect(redis.servers[0].command("CLIENT", "LIST")?.contains("volary-subscriber") == true)
            let (connections, asked) = (liar.connections, questions.withLockedValue { $0 })
            // It is asked again and again, and has its answers considered.
            #expect(await eventually { questions.withLockedValue { $0 } >= asked + 20 })
            #expect(nodes.allSatisfy { $0.broker.health.interruptions == 0 })
            #expect(liar.connections == connections)
        }
        await liar.stop()
    }

    @Test func `Nobody answers and nobody knows`() async throws {
        try await self.withBrokers(at: "redis+sentinel://127.0.0.1:1,127.0.0.1:2/nobody") { nodes in
            #expect(await eventually { Self.reason(nodes[0]).hasPrefix("no sentinel answers: ") }, "\(Self.reason(nodes[0]))")
        }
        let ignorant = try await FakeRedis.start { _, received in
            guard received.contains("SENTINEL") else { return FakeRedis.greeting(to: received).map { .text($0) } ?? .silence }
            return .text("*-1\r\n-ERR No such master with that name\r\n")
        }
        try await self.withBrokers(at: "redis+sentinel://127.0.0.1:\(ignorant.port)/nobody") { nodes in
            #expect(
                await eventually { Self.reason(nodes[0]).hasSuffix("a sentinel answered: ERR No such master with that name") },
                "\(Self.reason(nodes[0]))"
            )
        }
        await ignorant.stop()
    }

    @Test(arguments: [
        "+OK\r\n", "*2\r\n$1\r\nh\r\n$1\r\n0\r\n*0\r\n", "*2\r\n:1\r\n:2\r\n*2\r\n$12\r\nconfig-epoch\r\n$2\r\n-1\r\n",
        "*-1\r\n*-1\r\n",
        "*2\r\n$9\r\n127.0.0.1\r\n$1\r\n1\r\n*2\r\n$12\r\nconfig-epoch\r\n$1\r\n1\r\n", "$-1\r\n$-1\r\n$-1\r\n", "?",
        "*1000000000\r\n",
    ])
    func `What a Sentinel says ends nothing`(answer: String) async throws {
        let fake = try await FakeRedis.start { _, received in
            guard received.contains("SENTINEL") else { return FakeRedis.greeting(to: received).map { .text($0) } ?? .silence }
            return .text(answer)
        }
        try await self.withBrokers(at: "redis+sentinel://127.0.0.1:\(fake.port)/m") { nodes in
            #expect(await eventually { Self.reason(nodes[0]) != "the sentinels have not been polled yet" })
            #expect(await nodes[0].publish("alive") == .success(.degraded(here: false)))
        }
        await fake.stop()
    }

    @Test func `A replica is refused and a master that becomes one is left by all links`() async throws {
        let master = try RedisServer.start()
        defer { master.stop() }
        let replica = try RedisServer.start(arguments: ["--replicaof", "127.0.0.1 \(master.port)"])
        defer { replica.stop() }
        try await self.withBrokers(at: replica.url) { nodes in
            #expect(await eventually { Self.reason(nodes[0]) == "the server is a replica, not a master" })
            #expect(!nodes[0].broker.health.isUp)
            #expect(replica.command("REPLICAOF", "NO", "ONE") == "+OK\r\n")
            try await self.expectToWork(nodes, "a master now")
            // It cuts off nobody, and would serve PUBLISH and SUBSCRIBE as a replica too.
            #expect(replica.command("REPLICAOF", "127.0.0.1", "\(master.port)") == "+OK\r\n")
            #expect(await eventually { nodes.allSatisfy { !$0.broker.health.isUp } })
            let left = await eventually { replica.command("CLIENT", "LIST").map { !$0.contains("volary-subscriber") } ?? false }
            #expect(left)
            #expect(replica.command("REPLICAOF", "NO", "ONE") == "+OK\r\n")
            try await self.expectToWork(nodes, "a master again")
        }
    }

    private static func reason(_ endpoint: BrokerEndpoint) -> String {
        if case .down(let reason) = endpoint.broker.health.state { reason } else { "" }
    }

    private static func sentinelAnswers(to received: String, master port: Int, epoch: Int) -> FakeRedis.Answer {
        var answer = FakeRedis.greeting(to: received) ?? ""
        for (number, channel) in ["+switch-master", "+promoted-slave"].enumerated() where received.contains(channel) {
            answer += "*3\r\n$9\r\nsubscribe\r\n$\(channel.count)\r\n\(channel)\r\n:\(number + 1)\r\n"
        }
        if received.contains("GET-MASTER-ADDR-BY-NAME") {
            answer += "*2\r\n$9\r\n127.0.0.1\r\n$\("\(port)".count)\r\n\(port)\r\n"
            answer += "*2\r\n$12\r\nconfig-epoch\r\n$\("\(epoch)".count)\r\n\(epoch)\r\n"
        }
        return .text(answer)
    }
}
