import NIOCore
import TestSupport
import Testing
import VolaryProtocol

@testable import VolaryBackplane

/// What is pushed to a topic that no node wants costs Redis nothing; one that a node wants is logged, also while that node is away.
@Suite(.timeLimit(.minutes(2)))
struct UnwantedTopicTests {
    /// A name of Redis' data is new for a minute.
    private static func age(_ server: RedisServer) {
        server.command("DEL", HubStoreKeys.standard.new)
    }

    private static func keys(_ server: RedisServer) -> String { server.command("DBSIZE") ?? "" }
    private static func count(_ server: RedisServer) throws -> Int {
        try #require(Int(self.keys(server).dropFirst().split(separator: "\r\n").first ?? ""))
    }

    @Test func `Pushes to groups without members leave nothing in Redis`() async throws {
        try await LoggedCluster.run(of: 2) { cluster in
            #expect(await eventually { cluster.server.command("EXISTS", HubStoreKeys.standard.name) == ":1\r\n" })
            Self.age(cluster.server)
            let before = Self.keys(cluster.server)
            for number in 0..<200 {
                let unknown = try #require(AudienceName("nobody \(number)" as String))
                for topic: Topic in [.group(unknown), .user(unknown), .node(NodeID.random())] {
                    #expect(await cluster.nodes[0].publish("x", to: topic) == .success(.relayed(receivers: 0)))
                }
            }
            #expect(Self.keys(cluster.server) == before)
        }
    }

    @Test func `A group whose only node is away has a log, however long nothing was said to it`() async throws {
        try await LoggedCluster.run(of: 2) { cluster in
            let group = Topic.group("only the last")
            try await cluster.last.broker.subscribe(to: group)
            Self.age(cluster.server)
            try await cluster.cutOffLast()
            #expect(
                await eventually { cluster.server.subscribers(to: group) == 0 }
            )
            await cluster.publish(["missed"], to: group)
            try await cluster.bringBackLast()
            #expect(await eventually { cluster.last.receiver.texts == ["missed"] })
            #expect(cluster.last.broker.health.lost == 0 && cluster.last.receiver.missed.isEmpty)
        }
    }

    @Test func `While Redis' data is new, or has no name, everything is logged`() async throws {
        try await LoggedCluster.run(of: 1) { cluster in
            for (number, setUp) in [["SET", HubStoreKeys.standard.new, "1"], ["DEL", HubStoreKeys.standard.name]].enumerated() {
                Self.age(cluster.server)
                cluster.server.command(setUp)
                let group = Topic.group(try #require(AudienceName("nobody \(number)" as String)))
                await cluster.publish(["x"], to: group)
                #expect(cluster.server.command("EXISTS", LogKeys(group).log) == ":1\r\n")
            }
        }
    }

    @Test(arguments: ["inf", "nan", "9e15", "-5", "0x7fffffff", "9000000000000000"])
    func `A sum of idle bytes that no node has written is replaced`(value: String) async throws {
        try await LoggedCluster.run(of: 1, settings: BrokerSettings(idleHistoryBytes: 200 * 1024)) { cluster in
            #expect(await eventually { cluster.server.command("EXISTS", HubStoreKeys.standard.name) == ":1\r\n" })
            cluster.server.command("SET", HubStoreKeys.standard.idle, value)
            let group = Topic.group(try #require(AudienceName("nobody" as String)))
            #expect(await cluster.nodes[0].publish("x", to: group) == .success(.relayed(receivers: 0)))
            #expect(cluster.server.command("PTTL", HubStoreKeys.standard.idle)?.hasPrefix(":-") == false)
            #expect(cluster.server.command("GET", HubStoreKeys.standard.idle)?.contains(value) == false)
        }
    }

    @Test func `What topics without a subscriber keep is bounded together, and those with one go on`() async throws {
        let settings = BrokerSettings(idleHistoryBytes: 200 * 1024)
        try await LoggedCluster.run(of: 1, settings: settings) { cluster in
            // All is logged while Redis' data is new.
            let payload = String(repeating: "x", count: 10_000)
            let before = try Self.count(cluster.server)
            var taken = 0
            var refused = 0
            for number in 0..<60 {
                let unknown = try #require(AudienceName("nobody \(number)" as String))
                switch await cluster.nodes[0].publish(payload, to: .user(unknown)) {
                case .success(.relayed(receivers: 0, at: nil)): taken += 1
                case .failure(.idleHistoryFull): refused += 1
                case let outcome: Issue.record("\(outcome)")
                }
            }
            // 204,800 by 14,688 and what the envelope has beside its payload.
            #expect((taken, refused) == (13, 47))
            // A log, a head, and what is counted.
            #expect(try Self.count(cluster.server) == before + 2 * taken + 1)
            await cluster.publish([payload, payload], to: .group("blue"))
            await cluster.publish([payload], to: .all)
            #expect(await eventually { cluster.nodes[0].receiver.texts == [payload, payload, payload] })
            #expect(cluster.server.command("XLEN", LogKeys(.group("blue")).log) == ":2\r\n")
            // One of them whose client comes is one of those.
            let unknown = Topic.user(try #require(AudienceName("nobody 59" as String)))
            try await cluster.nodes[0].broker.subscribe(to: unknown)
            await cluster.publish(["here"], to: unknown)
            // And when the time of what is kept is over, all begins again.
            cluster.server.command("DEL", HubStoreKeys.standard.idle)
            let another = try #require(AudienceName("nobody 60" as String))
            #expect(await cluster.nodes[0].publish(payload, to: .user(another)) == .success(.relayed(receivers: 0)))
            let left =
                cluster.server.command("PTTL", HubStoreKeys.standard.idle)?.dropFirst().split(separator: "\r\n").first ?? ""
            #expect((1...300_000).contains(Int(left) ?? 0))
        }
    }

    /// Publishes to topics that a node subscribes to before, and leaves after. Most publications look at no other topic: so many that enough do.
    private static func churn(_ cluster: LoggedCluster, _ name: String, topics count: Int, payload: String) async throws {
        for number in 0..<count {
            let topic = Topic.group(try #require(AudienceName("\(name) \(number)" as String)))
            try await cluster.nodes[0].broker.subscribe(to: topic)
            await cluster.publish([payload], to: topic)
            await cluster.nodes[0].broker.unsubscribe(from: topic)
        }
    }

    /// Whether it has been noticed that a topic has no subscriber any more.
    private static func isSettled(_ topic: Topic, _ cluster: LoggedCluster) -> Bool {
        cluster.server.command("ZSCORE", HubStoreKeys.standard.used, LogKeys(topic).channel) == "$-1\r\n"
    }

    private static func counted(_ cluster: LoggedCluster) throws -> Int {
        try #require(Int(cluster.server.command("GET", HubStoreKeys.standard.idle)?.split(separator: "\r\n").last ?? ""))
    }

    @Test func `What topics logged before their last subscriber left is bounded with the rest`() async throws {
        let settings = BrokerSettings(idleHistoryBytes: 200 * 1024)
        try await LoggedCluster.run(of: 1, settings: settings) { cluster in
            try await Self.churn(cluster, "left", topics: 800, payload: String(repeating: "x", count: 10_000))
            let count = try Self.logs(of: "left", cluster)
            // 13 have room. One in 32 publications looks: that none of 400 does happens once in 300,000 times.
            #expect((1...413).contains(count))
            #expect(try Self.counted(cluster) <= 200 * 1024)
            // Those in use go on.
            await cluster.publish(["here"], to: .group("blue"))
            #expect(cluster.server.command("XLEN", LogKeys(.group("blue")).log) == ":1\r\n")
        }
    }

    @Test func `What a topic has logged counts once, however often its subscribers come and go`() async throws {
        try await LoggedCluster.run(of: 1) { cluster in
            let topic = Topic.user("comes and goes")
            let broker = cluster.nodes[0].broker
            for round in 0..<3 {
                try await broker.subscribe(to: topic)
                if round == 0 { await cluster.publish([String(repeating: "x", count: 500_000)], to: topic) }
                await cluster.publish(["y"], to: topic)
                await broker.unsubscribe(from: topic)
                for attempt in 0..<20 where !Self.isSettled(topic, cluster) {
                    try await Self.churn(cluster, "other \(round) \(attempt)", topics: 20, payload: "z")
                }
                #expect(Self.isSettled(topic, cluster))
                let log = LogKeys(topic)
                #expect(cluster.server.command("HGET", log.head, "counted") == cluster.server.command("HGET", log.head, "total"))
            }
            let most = try 510_000 + Self.logs(of: "other", cluster) * 4800
            #expect((500_000...most).contains(try Self.counted(cluster)))
        }
    }

    private static func logs(of name: String, _ cluster: LoggedCluster) throws -> Int {
        let keys = cluster.server.command("KEYS", "*:log:group:\(name)*") ?? ""
        return try #require(Int(keys.dropFirst().split(separator: "\r\n").first ?? ""))
    }

    @Test func `A node that was away is told when the log of its topic had no room meanwhile`() async throws {
        let settings = BrokerSettings(idleHistoryBytes: 20 * 1024)
        try await LoggedCluster.run(of: 2, settings: settings) { cluster in
            let topic = Topic.group("of both")
            for node in cluster.nodes { try await node.broker.subscribe(to: topic) }
            await cluster.publish(["before"], to: topic)
            #expect(await eventually { cluster.last.receiver.texts == ["before"] })
            try await cluster.cutOffLast()
            let payload = String(repeating: "x", count: 30_000)
            await cluster.publish([payload], to: topic)
            await cluster.nodes[0].broker.unsubscribe(from: topic)
            let log = LogKeys(topic).log
            for attempt in 0..<20 where cluster.server.command("EXISTS", log) != ":0\r\n" {
                try await Self.churn(cluster, "other \(attempt)", topics: 20, payload: "z")
            }
            #expect(cluster.server.command("EXISTS", log) == ":0\r\n")
            try await cluster.bringBackLast()
            #expect(await eventually { !cluster.last.receiver.missed.isEmpty })
            #expect(cluster.last.broker.health.gaps == 1)
            // The topic goes on.
            try await cluster.nodes[0].broker.subscribe(to: topic)
            await cluster.publish(["after"], to: topic)
            #expect(await eventually { cluster.last.receiver.texts == ["before", "after"] })
        }
    }

    @Test func `A key of somebody else's in place of what is counted is replaced`() async throws {
        try await LoggedCluster.run(of: 1) { cluster in
            cluster.server.command("LPUSH", HubStoreKeys.standard.idle, "x")
            #expect(await cluster.nodes[0].publish("x", to: .group("nobody")) == .success(.relayed(receivers: 0)))
            #expect(cluster.server.command("TYPE", HubStoreKeys.standard.idle) == "+string\r\n")
        }
    }

    @Test func `A wish is kept alive, and does not touch what is logged`() async throws {
        try await LoggedCluster.run(of: 1) { cluster in
            let keys = LogKeys(.group("blue"))
            #expect(cluster.server.command("EXISTS", keys.head) == ":1\r\n")
            cluster.server.command("DEL", keys.head)
            #expect(await eventually(within: .seconds(30)) { cluster.server.command("EXISTS", keys.head) == ":1\r\n" })
            Self.age(cluster.server)
            await cluster.publish(["a", "b"], to: .group("blue"))
            cluster.server.command("PEXPIRE", keys.head, "60000")
            #expect(
                await eventually(within: .seconds(30)) {
                    let left = cluster.server.command("PTTL", keys.head)?.dropFirst().dropLast() ?? ""
                    return (Int(left) ?? 0) > 3_000_000
                }
            )
            #expect(cluster.server.command("XLEN", keys.log) == ":2\r\n")
            #expect(cluster.server.command("HGET", keys.head, "offset") == "$1\r\n2\r\n")
        }
    }
}
