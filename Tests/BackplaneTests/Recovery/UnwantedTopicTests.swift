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
        server.command("DEL", "volary:store:new")
    }

    private static func keys(_ server: RedisServer) -> String { server.command("DBSIZE") ?? "" }
    private static func count(_ server: RedisServer) throws -> Int {
        try #require(Int(self.keys(server).dropFirst().split(separator: "\r\n").first ?? ""))
    }

    @Test func `Pushes to groups without members leave nothing in Redis`() async throws {
        try await LoggedCluster.run(of: 2) { cluster in
            #expect(await eventually { cluster.server.command("EXISTS", "volary:store") == ":1\r\n" })
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
                await eventually {
                    cluster.server.command("PUBSUB", "NUMSUB", LogKeys(group, prefix: "volary").channel)?.hasSuffix(":0\r\n")
                        == true
                }
            )
            await cluster.publish(["missed"], to: group)
            try await cluster.bringBackLast()
            #expect(await eventually { cluster.last.receiver.texts == ["missed"] })
            #expect(cluster.last.broker.health.lost == 0 && cluster.last.receiver.missed.isEmpty)
        }
    }

    @Test func `While Redis' data is new, or has no name, everything is logged`() async throws {
        try await LoggedCluster.run(of: 1) { cluster in
            for (number, setUp) in [["SET", "volary:store:new", "1"], ["DEL", "volary:store"]].enumerated() {
                Self.age(cluster.server)
                cluster.server.command(setUp)
                let group = Topic.group(try #require(AudienceName("nobody \(number)" as String)))
                await cluster.publish(["x"], to: group)
                #expect(cluster.server.command("EXISTS", LogKeys(group, prefix: "volary").log) == ":1\r\n")
            }
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
                case .success(.relayed(receivers: 0)): taken += 1
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
            #expect(cluster.server.command("XLEN", LogKeys(.group("blue"), prefix: "volary").log) == ":2\r\n")
            // One of them whose client comes is one of those.
            let unknown = Topic.user(try #require(AudienceName("nobody 59" as String)))
            try await cluster.nodes[0].broker.subscribe(to: unknown)
            await cluster.publish(["here"], to: unknown)
            // And when the time of what is kept is over, all begins again.
            cluster.server.command("DEL", "volary:store:idle")
            let another = try #require(AudienceName("nobody 60" as String))
            #expect(await cluster.nodes[0].publish(payload, to: .user(another)) == .success(.relayed(receivers: 0)))
            let left = cluster.server.command("PTTL", "volary:store:idle")?.dropFirst().split(separator: "\r\n").first ?? ""
            #expect((1...300_000).contains(Int(left) ?? 0))
        }
    }

    @Test func `A key of somebody else's in place of what is counted is replaced`() async throws {
        try await LoggedCluster.run(of: 1) { cluster in
            cluster.server.command("LPUSH", "volary:store:idle", "x")
            #expect(await cluster.nodes[0].publish("x", to: .group("nobody")) == .success(.relayed(receivers: 0)))
            #expect(cluster.server.command("TYPE", "volary:store:idle") == "+string\r\n")
        }
    }

    @Test func `A wish is kept alive, and does not touch what is logged`() async throws {
        try await LoggedCluster.run(of: 1) { cluster in
            let keys = LogKeys(.group("blue"), prefix: "volary")
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
