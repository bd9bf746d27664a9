import TestSupport
import Testing
import VolaryProtocol

@testable import VolaryBackplane

/// A replica that lacks the last publications becomes the master.
@Suite(.timeLimit(.minutes(3)))
struct LaggingReplicaTests {
    /// A server's head of the default hub's order: epoch and number.
    private static func position(at server: RedisServer) -> [String?] {
        server.values(of: "\(RedisNames.standard.hub(.default)):head", ["epoch", "number"])
    }

    /// Three nodes of all `topics` have ten messages each; then the replicas are cut off from the master, and so is the last node. `body`
    /// publishes, and the master dies.
    /// - Parameter check: once all nodes are up again.
    private static func run(
        topics: [Topic],
        _ body: ([BrokerEndpoint], RedisConfiguration) async throws -> Void,
        then check: ([BrokerEndpoint], RedisServer) async throws -> Void
    ) async throws {
        let redis = try await SentinelCluster.start(password: "servers")
        defer { redis.stop() }
        for server in redis.servers {
            #expect(server.command("ACL", "SETUSER", "last", "on", ">servers", "~*", "&*", "+@all") == "+OK\r\n")
        }
        let url = redis.url
        let last = url.replacing("//:servers@", with: "//last:servers@") + "?sentinel_password=servers"
        let configurations = try [url, url, last].map { try RedisConfiguration(url: $0) }
        try await BrokerKind.run(configurations.map { .redis($0) }) { nodes in
            for node in nodes { for topic in topics { try await node.broker.subscribe(to: topic) } }
            let old = try redis.master
            for number in 0..<10 { #expect(await nodes[number % 2].publish("\(number)") == .success(.relayed(receivers: 3))) }
            let replicas = redis.servers.filter { $0 !== old }
            #expect(await eventually { replicas.allSatisfy { Self.position(at: $0) == Self.position(at: old) } })

            for replica in replicas { replica.command("CONFIG", "SET", "masterauth", "wrong") }
            old.command("CLIENT", "KILL", "TYPE", "replica")
            old.command("ACL", "SETUSER", "last", "off")
            old.command("CLIENT", "KILL", "USER", "last")
            #expect(await eventually { !nodes[2].broker.health.isUp })
            try await body(nodes, configurations[0])
            old.kill()
            let new = try await redis.newMaster(after: old)
            #expect(await eventually(within: LoggedCluster.timeout) { nodes.allSatisfy { $0.broker.health.isUp } })
            try await check(nodes, new)
        }
    }

    @Test func `What it lacks is published again, once, and reaches the node that has missed it`() async throws {
        var seen: Position?
        try await Self.run(topics: [.all]) { nodes, _ in
            // More than 4 MiB.
            let payload = String(repeating: "x", count: 100_000)
            for number in 10..<70 {
                let outcome = await nodes[number % 2].publish("\(number) " + payload)
                #expect(outcome == .success(.relayed(receivers: 2)))
            }
            seen = await nodes[0].position(of: "70")
        } then: { nodes, new in
            let last = try #require(seen)
            let numbers = (0...70).map(String.init)
            func got(_ node: BrokerEndpoint) -> [String] {
                node.receiver.texts.map { $0.split(separator: " ").first.map(String.init) ?? "" }
            }
            #expect(await eventually(within: LoggedCluster.timeout) { nodes.allSatisfy { got($0).count >= numbers.count } })
            #expect(await nodes[0].publish("end") == .success(.relayed(receivers: 3)))
            #expect(await eventually { nodes.allSatisfy { got($0).last == "end" } })
            for node in nodes { #expect(got(node).sorted() == (numbers + ["end"]).sorted()) }
            for parity in 0..<2 {
                let own = got(nodes[2]).compactMap(Int.init).filter { $0 % 2 == parity && $0 < 70 }
                #expect(own == own.sorted(), "a node's publications keep their order")
            }
            let sequences = new.sendings(from: nodes[1].node).map(\.sequence)
            #expect(Set(sequences).count == sequences.count && sequences.count == 35, "each is executed once")
            // Numbers go on above all that anybody has seen.
            let position = try #require(await nodes[1].position(of: "after"))
            #expect(position > last && position.number > last.number)
        }
    }

    @Test func `What it lacks of a node that has ended is gone, and the node that has missed it is told, though nothing follows`()
        async throws
    {
        let red = Topic.group("red")
        try await Self.run(topics: [.all, red]) { nodes, configuration in
            await nodes[0].broker.unsubscribe(from: red)
            try await BrokerKind.run([.redis(configuration)]) { publishers in
                #expect(await eventually { publishers[0].broker.health.isUp })
                for number in 0..<5 {
                    #expect(await publishers[0].publish("lost \(number)", to: red) == .success(.relayed(receivers: 1)))
                }
            }
            #expect(await eventually { nodes[1].receiver.texts.last == "lost 4" })
        } then: { nodes, _ in
            #expect(
                await eventually(within: LoggedCluster.timeout) {
                    nodes[2].receiver.missed.contains(BrokerGap(topic: red, lost: nil))
                }
            )
        }
    }
}
