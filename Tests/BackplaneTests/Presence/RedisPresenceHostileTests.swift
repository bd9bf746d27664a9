import Foundation
import NIOPosix
import TestSupport
import Testing
import VolaryProtocol

@testable import VolaryBackplane

/// What stands in Redis may have been written by anybody: it is refused or left out, and hides nothing else.
@Suite(.timeLimit(.minutes(2)))
struct RedisPresenceHostileTests {
    private static let registry = "volary:2:{registry}:"

    /// The beginning of the keys of a node's entries.
    private static func entries(of node: NodeID) -> String {
        String(RedisPresenceKeys(prefix: "volary").entries(of: node, in: .default).index.dropLast("index".count))
    }

    /// A store on a Redis, with one registered node.
    private func withNode(_ body: (RedisServer, PresenceHarness, NodeRecord, _ prefix: String) async throws -> Void) async throws
    {
        let server = try RedisServer.start()
        defer { server.stop() }
        let store = RedisPresenceStore(
            configuration: try RedisConfiguration(url: server.url),
            eventLoop: MultiThreadedEventLoopGroup.singleton.any(),
            logger: .quiet
        )
        let harness = PresenceHarness(stores: [store], outlive: { _ in })
        try await PresenceKind.run(harness) { harness in
            let node = harness.record("one")
            try await harness.store.register(node, claiming: .shared)
            try await body(server, harness, node, Self.entries(of: node.id))
        }
    }

    private func expectRefused(_ body: () async throws -> Void) async throws {
        do {
            try await body()
            Issue.record("it was taken")
        } catch {
            guard case .refused = error as? PresenceError else { throw error }
        }
    }

    @Test func `Unreadable records do not hide the others`() async throws {
        try await self.withNode { server, harness, node, prefix in
            let bad = harness.record("bad")
            try await harness.store.register(bad, claiming: .shared)
            let records = harness.connections(40, on: node.id).sorted { $0.id < $1.id }
            _ = try await harness.store.update(node.id, adding: records, removing: [])
            server.command("HSET", Self.registry + "record:\(bad.id)", "record", "{")
            for record in records[..<20] { server.command("HSET", prefix + "details", "\(record.id)", "[]") }
            server.command("HDEL", prefix + "details", "\(records[20].id)")

            #expect(try await harness.store.nodes().map(\.record) == [node])
            // What cannot be read is passed over, and the page is full.
            let page = try await harness.store.connections(ConnectionQuery(limit: 5))
            #expect(page.connections.map(\.record) == Array(records[21..<26]))
            #expect(page.total == 40 && page.hasMore)
            #expect(try await harness.store.connection(records[0].id) == nil)
            #expect(try await harness.store.connection(records[30].id)?.record == records[30])
        }
    }

    @Test(arguments: [
        #"{"protocol":"plain","connectedAt":1,"user":""}"#,
        #"{"protocol":"plain","connectedAt":1,"user":"a b"}"#,
        #"{"protocol":"plain","connectedAt":1,"user":"a/b"}"#,
        // Not as the key of a name is written: encoded without need, in small digits, of more than its length, and a hash of nothing.
        #"{"protocol":"plain","connectedAt":1,"user":"%61"}"#,
        #"{"protocol":"plain","connectedAt":1,"user":"a%2fb"}"#,
        #"{"protocol":"plain","connectedAt":1,"user":"%00"}"#,
        #"{"protocol":"plain","connectedAt":1,"user":"%C0%AF"}"#,
        "{\"protocol\":\"plain\",\"connectedAt\":1,\"user\":\"#" + String(repeating: "0", count: 64) + "\"}",
        "{\"protocol\":\"plain\",\"connectedAt\":1,\"user\":\"#" + String(repeating: "0", count: 64) + "\",\"long\":[\"a\"]}",
        #"{"protocol":"plain","connectedAt":1,"long":["# + String(repeating: #""a","#, count: GroupLimits.maximum.groups + 1)
            + #""a"]}"#,
        #"{"protocol":"plain","connectedAt":1,"user":7}"#,
        #"{"protocol":"plain","connectedAt":1,"user":"ann","groups":["red","\u0000"]}"#,
        #"{"protocol":"plain","connectedAt":1,"user":"ann","groups":{"red":1}}"#,
        #"{"protocol":"plain","connectedAt":1e300}"#,
        #"{"protocol":"plain","connectedAt":1,"groups":["# + String(repeating: "[", count: 100_000),
        #"{"user":["# + String(repeating: #""a","#, count: 300_000) + #""a"],"groups":"red"}"#,
        "{\"protocol\":\"plain\",\"connectedAt\":1,\"user\":\"" + String(repeating: "a", count: 257) + "\"}",
        "\u{FEFF}nonsense", "null", "",
    ])
    func `Details that no node writes are left out and can be replaced`(details: String) async throws {
        try await self.withNode { server, harness, node, prefix in
            let records = (0..<3).map { _ in harness.connection(on: node.id, user: "ann", groups: ["red"]) }
            _ = try await harness.store.update(node.id, adding: records, removing: [])
            #expect(server.command("HSET", prefix + "details", "\(records[0].id)", details) == ":0\r\n")
            let rest = records[1...].sorted { $0.id < $1.id }
            #expect(try await harness.store.connection(records[0].id) == nil)
            #expect(try await harness.all() == rest)
            #expect(try await harness.all(user: "ann", group: "red") == rest)

            #expect(try await harness.store.update(node.id, adding: [records[0]], removing: []) == .held)
            #expect(try await Set(harness.all(user: "ann")) == Set(records))
            server.command("HSET", prefix + "details", "\(records[0].id)", details)
            #expect(try await harness.store.update(node.id, adding: [], removing: [records[0].id]) == .held)
            #expect(try await harness.all(user: "ann", group: "red") == rest)
            #expect(try await harness.store.nodes().map(\.connections) == [2])
        }
    }

    @Test func `Entries that their records do not bear out are left out`() async throws {
        try await self.withNode { server, harness, node, prefix in
            let ann = harness.connection(on: node.id, user: "ann", groups: ["red"])
            let bob = harness.connection(on: node.id, user: "bob")
            _ = try await harness.store.update(node.id, adding: [ann, bob], removing: [])
            for member in ["u/ann/\(bob.id)", "u/ann/\(ConnectionID.random(on: node.id))", "u/ann/", "u/ann/x", "u/", "/", "zzz"]
            {
                server.command("ZADD", prefix + "filters", "0", member)
            }
            server.command("ZADD", prefix + "index", "0", "not an id")
            #expect(try await harness.all(user: "ann") == [ann])
            #expect(try await Set(harness.all()) == [ann, bob])
        }
    }

    @Test(arguments: [5_000, 200_000])
    func `A record of many thousand groups can be replaced`(count: Int) async throws {
        try await self.withNode { server, harness, node, prefix in
            let record = harness.connection(on: node.id, user: "ann")
            let other = harness.connection(on: node.id, user: "ann")
            _ = try await harness.store.update(node.id, adding: [record, other], removing: [])
            let groups = (0..<count).map { "\"g\($0)\"" }.joined(separator: ",")
            let details = #"{"protocol":"plain","connectedAt":1,"user":"ann","groups":[\#(groups)]}"#
            #expect(server.command("HSET", prefix + "details", "\(record.id)", details) == ":0\r\n")
            #expect(try await harness.all(user: "ann").contains(other))
            // Of 5,000 there are more entries than Lua passes at once; 200,000 are not even looked at.
            #expect(try await harness.store.update(node.id, adding: [record], removing: []) == .held)
            #expect(try await Set(harness.all(user: "ann")) == [record, other])
        }
    }

    /// Their readers refuse them, until a node has registered anew: with the next heartbeat of any.
    @Test(arguments: ["leases", "names"]) func `Shared keys of another type are replaced`(key: String) async throws {
        try await self.withNode { server, harness, node, _ in
            let record = harness.connection(on: node.id, user: "ann")
            _ = try await harness.store.update(node.id, adding: [record], removing: [])
            server.command("DEL", Self.registry + key)
            server.command("SET", Self.registry + key, "x")
            try await self.expectRefused { _ = try await harness.store.connections(ConnectionQuery(limit: 1)) }
            #expect(try await harness.store.renew(node) == .lost)
            try await harness.store.register(node, claiming: .shared)
            #expect(try await harness.store.update(node.id, adding: [record], removing: []) == .held)
            #expect(try await harness.store.renew(node) == .held)
            #expect(try await harness.all(user: "ann") == [record])
            server.command("SET", Self.registry + key, "x")
            try await harness.store.unregister(node.id)
        }
    }

    /// Deleted, replaced, or with an entry more or less: whatever the node has not done.
    @Test(arguments: [
        "DEL index", "DEL details", "DEL filters", "SET index x", "SET details x", "SET filters x", "LPUSH details x",
        "ZADD index 0 x",
    ])
    func `A node finds that its keys are not as it left them`(command: String) async throws {
        try await self.withNode { server, harness, node, prefix in
            let records = [harness.connection(on: node.id, user: "ann"), harness.connection(on: node.id, user: "bob")]
            for isUpdate in [false, true] {
                #expect(try await harness.store.update(node.id, adding: records, removing: []) == .held)
                #expect(try await harness.store.renew(node) == .held)
                let words = command.split(separator: " ").map(String.init)
                if words[0] != "ZADD" { server.command("DEL", prefix + words[1]) }
                server.command([words[0], prefix + words[1]] + words.dropFirst(2))
                let state =
                    if isUpdate {
                        try await harness.store.update(node.id, adding: [], removing: [records[0].id])
                    } else {
                        try await harness.store.renew(node)
                    }
                #expect(state == .lost)
                try await harness.store.register(node, claiming: .shared)
            }
            #expect(try await harness.store.update(node.id, adding: records, removing: []) == .held)
            #expect(try await harness.all(user: "ann") == [records[0]])
            #expect(try await Set(harness.all()) == Set(records))
        }
    }

    @Test func `Without the right to count its details a node keeps its lease`() async throws {
        try await self.withNode { server, harness, node, _ in
            server.command("ACL", "SETUSER", "default", "-hlen")
            try await harness.store.register(node, claiming: .shared)
            #expect(try await harness.store.update(node.id, adding: harness.connections(3, on: node.id), removing: []) == .held)
            #expect(try await harness.store.renew(node) == .held)
            #expect(try await harness.all().count == 3)
        }
    }

    @Test func `A lease that was written while the clock was ahead ends in its time`() async throws {
        try await self.withNode { server, harness, node, _ in
            let dead = harness.record("dead", short: true)
            try await harness.store.register(dead, claiming: .shared)
            let ahead = Int64(Date.now.timeIntervalSince1970 * 1000) + 3_600_000
            for (score, member) in [("\(ahead)", "\(dead.id)"), ("inf", "nonsense")] {
                server.command("ZADD", Self.registry + "leases", score, member)
            }
            #expect(try await harness.store.renew(node) == .held)
            #expect(await eventually { (try? await harness.store.reap().map(\.id)) == [dead.id] })
            #expect(try await harness.store.nodes().map(\.record) == [node])
            #expect(try await harness.store.renew(node) == .held)
        }
    }

    @Test func `A key of another type is named`() async throws {
        try await self.withNode { server, harness, _, _ in
            func reason(_ body: () async throws -> Void) async -> String {
                do {
                    try await body()
                    return "it was taken"
                } catch {
                    return "\(error)"
                }
            }
            for (key, type, call) in [
                (Self.registry + "leases", "zset", { _ = try await harness.store.nodes() }),
                (Self.registry + "names", "hash", { _ = try await harness.store.connections(ConnectionQuery(limit: 1)) }),
            ] as [(String, String, () async throws -> Void)] {
                server.command("RENAME", key, "kept")
                server.command("SET", key, "x")
                #expect(
                    await reason(call)
                        == "refused: the key \(key) holds a string where a \(type) is expected: another program has written it"
                )
                server.command("DEL", key)
                server.command("RENAME", "kept", key)
            }
            // Without the right to ask, Redis' own words.
            server.command("SET", Self.registry + "leases", "x")
            server.command("ACL", "SETUSER", "default", "-type")
            #expect(await reason { _ = try await harness.store.nodes() }.hasPrefix("refused: WRONGTYPE"))
        }
    }

    @Test(arguments: ["record", "state", "index", "details", "filters"])
    func `A node's key of another type harms nobody else`(key: String) async throws {
        try await self.withNode { server, harness, node, _ in
            let broken = harness.record("broken")
            try await harness.store.register(broken, claiming: .shared)
            let real = harness.connection(on: node.id, user: "ann")
            let hidden = harness.connection(on: broken.id, user: "ann")
            _ = try await harness.store.update(node.id, adding: [real], removing: [])
            _ = try await harness.store.update(broken.id, adding: [hidden], removing: [])
            let name = key == "record" ? Self.registry + "record:\(broken.id)" : Self.entries(of: broken.id) + key
            server.command("DEL", name)
            server.command("LPUSH", name, "x")

            #expect(try await harness.store.nodes().map(\.record).contains(node))
            if key != "record" {
                for user: AudienceName? in [nil, "ann"] {
                    let page = try await harness.store.connections(ConnectionQuery(limit: 10, user: user))
                    let isMissing = ["state", user == nil ? "index" : "filters"].contains(key)
                    #expect(page.missing == (isMissing ? ["broken"] : []))
                    #expect(page.connections.map(\.record).contains(real))
                }
                let other = harness.connection(on: broken.id, user: "x")
                #expect(try await harness.store.update(broken.id, adding: [hidden, other], removing: []) == .lost)
            }
            // It dies like any other; a new registration starts from nothing.
            server.command("ZADD", Self.registry + "leases", "1", "\(broken.id)")
            #expect(try await harness.store.reap().map(\.id) == [broken.id])
            // In the state's place is the mark that makes late updates fail.
            #expect(server.command("TYPE", name) == (key == "state" ? "+hash\r\n" : "+none\r\n"))
            #expect(try await harness.all() == [real])
            server.command("DEL", name)
            server.command("LPUSH", name, "x")
            try await harness.store.register(broken, claiming: .shared)
            #expect(try await harness.store.update(broken.id, adding: [hidden], removing: []) == .held)
            #expect(try await Set(harness.all(user: "ann")) == [real, hidden])
        }
    }

    @Test func `Entries of nodes that are none are left out`() async throws {
        try await self.withNode { server, harness, node, _ in
            for (score, member) in [
                ("9e15", "nonsense"), ("inf", "{}"), ("-inf", "00000000"), ("1e300", "ffffffff"), ("5", "x y"),
            ] {
                server.command("ZADD", Self.registry + "leases", score, member)
            }
            server.command(
                "HSET",
                Self.registry + "record:ffffffff",
                "record",
                #"{"id":"ffffffff","leaseMilliseconds":9223372036854775807}"#,
                "lease",
                "9223372036854775807"
            )
            let nodes = try await harness.store.nodes()
            #expect(nodes.map(\.record) == [node])
            #expect(try await harness.store.connections(ConnectionQuery(limit: 10)).total == 0)
            #expect(try await harness.store.reap().map(\.id.description) == ["00000000"])
            #expect(try await harness.store.nodes().map(\.record) == [node])
        }
    }
}
