import TestSupport
import Testing
import VolaryProtocol

@testable import VolaryBackplane

/// Another program deletes or replaces the broker's keys in Redis while all links are up. The keys are restored within a
/// heartbeat, or the nodes report what may be lost.
@Suite(.timeLimit(.minutes(3)))
struct BrokerKeyTests {
    /// Five checks of the broker.
    private static let heartbeat = Duration.seconds(5)
    private static let name = HubStoreKeys.standard.name
    private static let mark = HubStoreKeys.standard.new

    /// The value of a string key; nil for no key and for a key of another type.
    private static func value(_ key: String, _ server: RedisServer) -> String? {
        guard let answer = server.command("GET", key), answer.hasPrefix("$"), answer != "$-1\r\n" else { return nil }
        return answer.split(separator: "\r\n", omittingEmptySubsequences: false).dropFirst().first.map(String.init)
    }

    private static func isName(_ text: String?) -> Bool { text?.wholeMatch(of: /\d{1,20}/) != nil }

    private static func milliseconds(_ key: String, _ server: RedisServer) -> Int {
        server.command("PTTL", key).flatMap { Int($0.dropFirst().dropLast()) } ?? -3
    }

    private static func exists(_ key: String, _ server: RedisServer) -> Bool { server.command("EXISTS", key) == ":1\r\n" }

    @Test(arguments: [["DEL"], ["LPUSH", "x"], ["SET", ""], ["SET", "another program"], ["SET", "123456789012345678901"]])
    func `The name of Redis' data is made again within a heartbeat`(command: [String]) async throws {
        try await LoggedCluster.run(of: 2) { cluster in
            let server = cluster.server
            #expect(await eventually { Self.isName(Self.value(Self.name, server)) })
            let before = Self.value(Self.name, server)
            server.command("DEL", Self.name, Self.mark)
            if command[0] != "DEL" { server.command([command[0], Self.name] + command.dropFirst()) }
            #expect(
                await eventually(within: Self.heartbeat) {
                    let name = Self.value(Self.name, server)
                    return Self.isName(name) && name != before && Self.exists(Self.mark, server)
                }
            )
            // Only for the minute in which the name is new do topics that nobody wants have a log.
            server.command("DEL", Self.mark)
            let group = Topic.group("nobody")
            #expect(await cluster.nodes[0].publish("x", to: group) == .success(.relayed(receivers: 0)))
            #expect(!Self.exists(LogKeys(group).log, server))
            #expect(cluster.nodes.allSatisfy { $0.broker.health.isUp && $0.broker.health.gaps == 0 })
        }
    }

    @Test(arguments: [["SET", "1"], ["LPUSH", "x"], ["SET", "1", "EX", "100000"]])
    func `The mark that the name is new lasts no longer than a minute`(command: [String]) async throws {
        try await LoggedCluster.run(of: 1) { cluster in
            let server = cluster.server
            #expect(await eventually { Self.isName(Self.value(Self.name, server)) })
            server.command("DEL", Self.mark)
            server.command([command[0], Self.mark] + command.dropFirst())
            #expect(await eventually(within: Self.heartbeat) { (1...60_000).contains(Self.milliseconds(Self.mark, server)) })
        }
    }

    @Test func `A node whose link stays up refreshes all heads soon after Redis has lost its data`() async throws {
        try await LoggedCluster.run(of: 1) { cluster in
            let broker = cluster.nodes[0].broker
            let topics = (0..<60).compactMap { AudienceName("mine \($0)" as String).map { Topic.group($0) } }
            for topic in topics { try await broker.subscribe(to: topic) }
            cluster.server.command("FLUSHALL")
            #expect(
                await eventually(within: Self.heartbeat) {
                    topics.allSatisfy { Self.exists(LogKeys($0).head, cluster.server) }
                }
            )
            #expect(broker.health.isUp && broker.health.interruptions == 0)
        }
    }

    /// - Parameters:
    ///   - isLogged: whether the topic had a log before the node was disconnected.
    ///   - isLoggedMeanwhile: whether a message was published before the keys were damaged.
    @Test(arguments: [["DEL"], ["SET", "x"], ["HSET", "epoch", "1"]], [(true, true), (false, true), (false, false)])
    func `A node that was disconnected is told when the head of its topic is gone`(
        command: [String],
        isLogged: (before: Bool, meanwhile: Bool)
    ) async throws {
        try await LoggedCluster.run(of: 2) { cluster in
            let server = cluster.server
            let topic = Topic.group("only the last")
            let keys = LogKeys(topic)
            try await cluster.last.broker.subscribe(to: topic)
            #expect(await eventually { Self.exists(keys.head, server) && Self.exists(Self.name, server) })
            server.command("DEL", Self.mark)
            if isLogged.before {
                await cluster.publish(["before"], to: topic)
                #expect(await eventually { cluster.last.receiver.texts == ["before"] })
            }
            try await cluster.cutOffLast()
            #expect(await eventually { server.subscribers(to: topic) == 0 })
            if isLogged.meanwhile { await cluster.publish(["missed"], to: topic) }
            server.command("DEL", keys.log, keys.head)
            if command[0] != "DEL" { server.command([command[0], keys.head] + command.dropFirst()) }
            if command[0] == "DEL" {
                await cluster.publish(["without a log"], to: topic)
                #expect(!Self.exists(keys.log, server))
            }
            try await cluster.bringBackLast()
            #expect(await eventually { cluster.last.receiver.missed.contains { $0.topic == topic } })
            #expect(cluster.last.broker.health.gaps == 1)
            // The topic continues in a new epoch.
            await cluster.publish(["after"], to: topic)
            #expect(await eventually { cluster.last.receiver.texts.last == "after" })
            #expect(cluster.last.broker.health.gaps == 1 && cluster.last.broker.health.lost == 0)
        }
    }

    /// Their sum is just below the limit, and never expires or expires too late.
    @Test(arguments: [["SET", "204000"], ["SET", "204000", "EX", "100000"], ["SET", "9000000", "EX", "100000"]])
    func `A sum of idle bytes that does not expire in time is replaced`(command: [String]) async throws {
        try await LoggedCluster.run(of: 1, settings: BrokerSettings(idleHistoryBytes: 200 * 1024)) { cluster in
            let key = HubStoreKeys.standard.idle
            #expect(await eventually { Self.exists(Self.name, cluster.server) })
            cluster.server.command([command[0], key] + command.dropFirst())
            #expect(await cluster.nodes[0].publish("x", to: .group("nobody")) == .success(.relayed(receivers: 0)))
            #expect((1...300_000).contains(Self.milliseconds(key, cluster.server)))
        }
    }

    @Test(arguments: [["DEL"], ["SET", "x"], ["ZADD", "0", "of another program"]])
    func `The topics with subscribers are collected again`(command: [String]) async throws {
        try await LoggedCluster.run(of: 1) { cluster in
            let key = HubStoreKeys.standard.used
            await cluster.publish(["x"], to: .group("blue"))
            cluster.server.command("DEL", key)
            if command[0] != "DEL" { cluster.server.command([command[0], key] + command.dropFirst()) }
            let channel = LogKeys(.group("blue")).channel
            #expect(
                await eventually {
                    await cluster.publish(["y"], to: .group("blue"))
                    return cluster.server.command("ZSCORE", key, channel)?.hasPrefix("$-1") == false
                }
            )
        }
    }
}
