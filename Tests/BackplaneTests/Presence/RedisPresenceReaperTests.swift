import Logging
import NIOCore
import NIOPosix
import TestSupport
import Testing
import VolaryProtocol

@testable import VolaryBackplane

/// Dead nodes are deleted hub by hub, by reapers that may die as well, while the dead may be alive after all.
@Suite(.timeLimit(.minutes(2)))
struct RedisPresenceReaperTests {
    private static let keys = RedisPresenceKeys(prefix: "volary")

    /// A node with two connections in the default hub and one in another, whose lease has expired.
    private struct DeadNode {
        let server: RedisServer
        let harness: PresenceHarness
        let node: NodeRecord
        let hub: HubName
        let connections: [HubName: [ConnectionRecord]]
        /// The number of its lease.
        let number: String

        var counts: [HubName: Int] { self.connections.mapValues(\.count) }

        func evaluate(_ script: RedisScript, _ keys: [String], _ arguments: [String]) -> String? {
            self.server.command(["EVAL", script.source, "\(keys.count)"] + keys + arguments)
        }
    }

    private static func run(_ body: (DeadNode) async throws -> Void) async throws {
        let server = try RedisServer.start()
        defer { server.stop() }
        try await PresenceKind.withRedis(server, stores: 2) { harness in
            let (node, hub) = (harness.record("dead", short: true), try #require(HubName("chat")))
            try await harness.store.register(node, claiming: .shared)
            var connections: [HubName: [ConnectionRecord]] = [:]
            for (hub, count) in [(HubName.default, 2), (hub, 1)] {
                let records = (0..<count).map { _ in
                    ConnectionRecord(id: .random(on: node.id), hub: hub, protocol: "plain", connectedAt: 1, user: "ann")
                }
                #expect(try await harness.store.update(node.id, in: hub, adding: records, removing: []) == .held)
                connections[hub] = records
            }
            let record = server.command("HGET", self.keys.lease(of: node.id)[2], "number") ?? ""
            let number = try #require(record.split(separator: "\r\n").last.map(String.init))
            try await harness.outlive(node.leaseMilliseconds)
            try await body(
                DeadNode(server: server, harness: harness, node: node, hub: hub, connections: connections, number: number)
            )
        }
    }

    @Test(arguments: 0...2) func `What a reaper that died has begun the next one finishes, with the same numbers`(
        steps: Int
    ) async throws {
        try await Self.run { (dead: DeadNode) async throws in
            // Another store's steps.
            let chosen = dead.evaluate(.reap, Self.keys.nodes, [Self.keys.registry, "other", "10000"])
            #expect(chosen?.contains(dead.number) == true)
            if steps > 0 { _ = dead.evaluate(.nodeHubs, [Self.keys.hubs(of: dead.node.id)], [dead.number, "86400"]) }
            if steps > 1 {
                let entries = Self.keys.entries(of: dead.node.id, in: .default).all
                #expect(dead.evaluate(.removeEntries, entries, [dead.number, "86400"]) == ":2\r\n")
            }
            #expect(try await dead.harness.store.reap().isEmpty, "it has a reaper")
            #expect(try await dead.harness.store.nodes().map(\.expired) == [true])
            try await dead.harness.outlive(10_000)
            let reaped = try await dead.harness.store.reap()
            #expect(reaped.map(\.id) == [dead.node.id] && reaped.map(\.connections) == [dead.counts])
            #expect(try await dead.harness.store.nodes().isEmpty)
            #expect(try await dead.harness.store.register(dead.node, claiming: .shared).wasReaped)
        }
    }

    @Test func `An update that arrives after its node was reaped changes nothing, in any hub`() async throws {
        try await Self.run { (dead: DeadNode) async throws in
            #expect(try await dead.harness.stores[1].reap().map(\.connections) == [dead.counts])
            for (hub, records) in dead.connections {
                let step = RedisPresenceUpdate(adding: records, removing: []).next
                let entries = Self.keys.entries(of: dead.node.id, in: hub)
                #expect(dead.evaluate(.update, entries.all, [dead.number, "", "600000"] + step.arguments()) == ":-1\r\n")
                #expect(dead.server.command("EXISTS", entries.index, entries.details, entries.filters) == ":0\r\n")
            }
            let hubs = [Self.keys.hubs(of: dead.node.id)]
            #expect(dead.evaluate(.enterHubs, hubs, [dead.number, "600000", "another"]) == ":0\r\n")
            #expect(try await dead.harness.store.update(dead.node.id, adding: [], removing: []) == .lost)
            #expect(try await dead.harness.store.renew(dead.node) == .lost)
        }
    }

    @Test func `A node that registers while it is being reaped keeps what it adds`() async throws {
        try await Self.run { (dead: DeadNode) async throws in
            _ = dead.evaluate(.reap, Self.keys.nodes, [Self.keys.registry, "other", "10000"])
            _ = dead.evaluate(.nodeHubs, [Self.keys.hubs(of: dead.node.id)], [dead.number, "86400"])
            let node = dead.harness.record("dead", id: dead.node.id)
            #expect(try await dead.harness.store.register(node, claiming: .shared).wasReaped == false)
            #expect(try await dead.harness.all().isEmpty)
            let records = dead.connections[.default] ?? []
            #expect(try await dead.harness.store.update(node.id, adding: records, removing: []) == .held)
            // The reaper goes on.
            for hub in dead.connections.keys {
                let entries = Self.keys.entries(of: node.id, in: hub).all
                #expect(dead.evaluate(.removeEntries, entries, [dead.number, "86400"]) == ":0\r\n")
            }
            let burial = [node.id.description, dead.number, "other", "3", "86400"]
            #expect(dead.evaluate(.bury, Self.keys.burial(of: node.id), burial) == "$-1\r\n")
            #expect(try await Set(dead.harness.all()) == Set(records))
            #expect(try await dead.harness.store.renew(node) == .held)
        }
    }

    @Test func `Numbers of leases rise, whatever Redis' clock says`() async throws {
        try await Self.run { (dead: DeadNode) async throws in
            let record = Self.keys.lease(of: dead.node.id)[2]
            dead.server.command("HSET", record, "number", "8000000000000000")
            try await dead.harness.store.register(dead.node, claiming: .shared)
            #expect(dead.server.command("HGET", record, "number")?.contains("8000000000000001") == true)
            try await dead.harness.outlive(dead.node.leaseMilliseconds)
            #expect(try await dead.harness.store.reap().map(\.id) == [dead.node.id])
            try await dead.harness.store.register(dead.node, claiming: .shared)
            #expect(dead.server.command("HGET", record, "number")?.contains("8000000000000002") == true)
        }
    }

    @Test func `Hubs that a node has left are not visited`() async throws {
        try await Self.run { (dead: DeadNode) async throws in
            let node = dead.harness.record("dead", id: dead.node.id)
            try await dead.harness.store.register(node, claiming: .shared)
            let records = dead.connections[dead.hub] ?? []
            #expect(try await dead.harness.store.update(node.id, in: dead.hub, adding: records, removing: []) == .held)
            let hubs = Self.keys.hubs(of: node.id)
            #expect(dead.server.command("HEXISTS", hubs, "chat") == ":1\r\n")
            #expect(try await dead.harness.store.update(node.id, in: dead.hub, adding: [], removing: records.map(\.id)) == .held)
            #expect(dead.server.command("HEXISTS", hubs, "chat") == ":0\r\n")
            #expect(try await dead.harness.store.nodes().map(\.connections) == [0])
        }
    }
}
