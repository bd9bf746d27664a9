import Foundation
import Logging
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import TestSupport
import Testing
import VolaryProtocol

@testable import VolaryBackplane

/// Every script keeps to the keys of one hash tag. In a Redis Cluster of one server, a script that begins with `#!lua` is refused
/// as soon as it leaves the slot of its first key. Each test names the scripts that it has executed; together they are all.
@Suite(.timeLimit(.minutes(2)))
struct ClusterSlotTests {
    private static let publishing: [RedisScript] = [.publish, .readLog, .readHub, .identify]
    private static let epochs: [RedisScript] = [.endEpoch, .refreshHeads]
    private static let presence: [RedisScript] = [
        .register, .renew, .extend, .reap, .bury, .unregister, .nodes, .leases, .lease, .formerNodes,
        .enterHubs, .leaveHubs, .nodeHubs, .update, .checkEntries, .removeEntries, .connectionIDs, .details, .connection, .take,
    ]
    private static let idempotency: [RedisScript] = [.reserve, .complete, .release]

    @Test func `Every script of the product is executed by one of these tests`() throws {
        let tested = Self.publishing + Self.epochs + Self.presence + Self.idempotency + [.measureHub] + SessionSlotTests.scripts
        let names = try RedisScript.namesInSources()
        #expect(Set(names).count == names.count && names.sorted() == tested.map(\.name).sorted())
        #expect(Set(RedisScript.all + RedisScript.log + RedisScript.sessions) == Set(tested))
    }

    /// Runs `body` with a cluster of one server that owns all slots.
    /// - Parameter scripts: what `body` must have executed.
    static func withCluster(
        executing scripts: [RedisScript] = [],
        _ body: (RedisServer, RedisConfiguration) async throws -> Void
    ) async throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("volary-slots-\(UUID())")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        let server = try RedisServer.start(arguments: ["--dir", directory.path, "--cluster-enabled", "yes"])
        defer { server.stop() }
        #expect(server.command("CLUSTER", "ADDSLOTSRANGE", "0", "16383") == "+OK\r\n")
        #expect(await eventually { server.command("CLUSTER", "INFO")?.contains("cluster_state:ok") == true })
        let executed = ScriptRecorder.Executed([])
        let proxy = try await TCPProxy.start(to: server.port) { ScriptRecorder(executed) }
        var configuration = try RedisConfiguration(url: proxy.url)
        configuration.scriptPreamble = "#!lua\n"
        try await body(server, configuration)
        await proxy.stop()
        for script in scripts {
            let source = configuration.scriptPreamble + script.source
            let digest = server.command("SCRIPT", "LOAD", source)?.split(separator: "\r\n").last.map { String($0) } ?? ""
            #expect(executed.withLockedValue { $0.contains(digest) || $0.contains(source) }, "\(script.name) was not executed")
        }
        // Redis counts each error, also one that a script has caught. `IDLEFULL` is the publishing script's own.
        let errors = server.info("errorstats").split(separator: "\r\n").filter { $0.hasPrefix("errorstat_") }
        #expect(errors.allSatisfy { $0.hasPrefix("errorstat_IDLEFULL:") }, "\(errors)")
    }

    @Test func `A script that leaves its slot is refused`() async throws {
        try await Self.withCluster { server, configuration in
            let source = configuration.scriptPreamble + "redis.call('GET', KEYS[1]) return redis.call('GET', '{b}')"
            #expect(server.command("EVAL", source, "1", "{a}")?.contains("do not hash to the same slot") == true)
            server.command("CONFIG", "RESETSTAT")
        }
    }

    @Test func `Publishing and reading logs keep to the slot of the hub or of the node`() async throws {
        try await Self.withCluster(executing: Self.publishing) { server, configuration in
            let hub = try #require(HubName("chat"))
            let settings = BrokerSettings(idleHistoryBytes: 100 * 1024)
            let nodes = (0..<2).map { _ in BrokerEndpoint.redis(configuration, settings: settings) }
            try await BrokerKind.run(nodes) { nodes in
                let topics: [Topic] = [
                    .all, .group("blue"), .user("ann"), .all(hub), .group(hub, "blue"), .user(hub, "ann"), .node(nodes[0].node),
                ]
                for topic in topics { try await nodes[0].broker.subscribe(to: topic) }
                try await nodes[1].broker.subscribe(to: .all)
                #expect(await eventually { nodes.allSatisfy { $0.broker.health.isUp } })
                for round in 0..<3 {
                    for topic in topics {
                        // Each 64 KiB another part of the script runs.
                        let text = "\(round)" + String(repeating: "x", count: round == 1 ? 70_000 : 0)
                        #expect(await nodes[1].publish(text, to: topic) == .success(.relayed(receivers: topic == .all ? 2 : 1)))
                    }
                    // Without a subscriber, until there is no room.
                    for number in 0..<40 {
                        let name = try #require(AudienceName("nobody \(round) \(number)" as String))
                        for topic: Topic in [.group(name), .user(hub, name), .node(.random())] {
                            _ = await nodes[1].publish("x", to: topic)
                        }
                    }
                    for name in [HubName.default, hub] {
                        let own = Set(topics.filter { $0.hub == name })
                        #expect(try await !nodes[1].broker.read(own, after: nil, limit: 2).isLast)
                    }
                    // The subscriber reads what it missed.
                    server.command("CLIENT", "KILL", "TYPE", "pubsub")
                    #expect(
                        await eventually { nodes.allSatisfy { $0.broker.health.interruptions > round && $0.broker.health.isUp } }
                    )
                }
                #expect(await eventually { nodes[0].receiver.count == 3 * topics.count })
                #expect(nodes[0].receiver.missed.isEmpty)
            }
        }
    }

    @Test func `Refreshing heads and ending an epoch keep to the slot`() async throws {
        try await Self.withCluster(executing: Self.epochs + [.publish]) { _, configuration in
            let resolver = MasterResolver(
                configuration: configuration,
                eventLoop: MultiThreadedEventLoopGroup.singleton.any(),
                logger: .quiet
            )
            let runner = RedisScriptRunner(role: "test", resolver: resolver, logger: .quiet)
            runner.start()
            defer { runner.stop() }
            let keys = LogKeys(.group("blue")).all
            let arguments = ["epoch--1", "epoch--2", "3600000"]
            let ended = await eventually {
                (try? await runner.evaluate(.endEpoch, keys: keys, arguments: arguments).integer) == 0
            }
            #expect(ended)
            let order = ["", "", "", "60000", "", "1", "0"]
            let publication = order + ["epoch--1", "10", "1000", "3600000", "0", "", LogKeys(.group("blue")).channel, "x"]
            _ = try await runner.evaluate(.publish, keys: LogKeys(.group("blue")).ordered, arguments: publication)
            #expect(try await runner.evaluate(.endEpoch, keys: keys, arguments: arguments).integer == 1)
            let heads = [LogKeys(.all).head, LogKeys(.group("blue")).head]
            #expect(try await runner.evaluate(.refreshHeads, keys: heads, arguments: ["60000"]).integer == 1)
        }
    }

    @Test func `The order of a hub keeps to its slot`() async throws {
        try await Self.withCluster { server, configuration in
            try await ScriptedOrder.run(on: server, configuration) { order in
                for round in 1...3 {
                    let lua = """
                        local log, top = scope .. ':log:group:blue', scope .. ':top:group:blue'
                        keep(log, top)
                        if startOf(log, top) > floor() then return 'start' end
                        local done = once()
                        if done then return done end
                        append(log, top, scope .. ':t:group:blue', 'x')
                        appendOwn(scope .. ':session:c:own', 0, scope .. ':n:1:t', 'c', 'x')
                        if ARGV[6] == '3' then refuse('no') else save() end
                        return 'executed'
                        """
                    let answer = try await order.evaluate(lua, lane: "node", sequence: round, previous: round - 1)
                    #expect(answer.text == "executed")
                    // With another history, a mark, and many lanes.
                    server.command("HSET", order.head, "checked", "0", "marked", "0")
                    if round == 2 { server.command("HSET", order.head, "run", "another") }
                    for lane in 0..<(round == 1 ? 1100 : 0) { server.command("HSET", order.head, "op:\(lane)", "1") }
                }
                #expect(try await order.execute(3) == "no")
                #expect(try await order.observe().operation == 0)
            }
        }
    }

    @Test func `Presence keeps to the slots of the registry, of hubs and of nodes`() async throws {
        try await Self.withCluster(executing: Self.presence) { server, configuration in
            let hubs = [HubName.default, try #require(HubName("chat"))]
            let stores = (0..<2).map { _ in
                RedisPresenceStore(
                    configuration: configuration,
                    eventLoop: MultiThreadedEventLoopGroup.singleton.any(),
                    logger: .quiet
                )
            }
            let harness = PresenceHarness(stores: stores, outlive: { _ in })
            try await PresenceKind.run(harness) { harness in
                let (node, dead, same) = (harness.record("node"), harness.record("dead"), harness.record("node"))
                for node in [node, dead] { try await harness.store.register(node, claiming: .sole(dead: [])) }
                for hub in hubs {
                    let id = ConnectionID.random(on: node.id)
                    #expect(try await harness.store.take(id, in: hub, for: .seconds(60)))
                    #expect(try await !harness.store.take(id, in: hub, for: .seconds(60)))
                    for node in [node, dead] {
                        let records = (0..<600).map { _ in
                            ConnectionRecord(
                                id: .random(on: node.id),
                                hub: hub,
                                protocol: "plain",
                                connectedAt: 1,
                                user: "ann",
                                groups: ["blue", "red"]
                            )
                        }
                        for part in [records[..<500], records[500...]] {
                            #expect(try await harness.store.update(node.id, in: hub, adding: Array(part), removing: []) == .held)
                        }
                        #expect(
                            try await harness.store.update(node.id, in: hub, adding: [], removing: [records[0].id]) == .held
                        )
                        #expect(try await harness.store.connection(records[1].id, in: hub)?.record == records[1])
                    }
                    for query in [
                        ConnectionQuery(in: hub, limit: 1000), ConnectionQuery(in: hub, limit: 1000, user: "ann", group: "red"),
                    ] {
                        #expect(try await harness.stores[1].connections(query).total == 1198)
                    }
                }
                for node in [node, dead] { #expect(try await harness.store.renew(node) == .held) }
                #expect(try await harness.store.nodes().map(\.connections) == [1198, 1198])
                server.command("ZADD", "volary:2:{registry}:leases", "1", "\(dead.id)")
                #expect(try await harness.store.reap().map(\.connections) == [[hubs[0]: 599, hubs[1]: 599]])
                let answer = try await harness.stores[1].register(same, claiming: .sole(dead: [node.id]))
                #expect(answer.replacedConnections == [hubs[0]: 599, hubs[1]: 599])
                #expect(
                    try await harness.stores[1].update(same.id, adding: harness.connections(1, on: same.id), removing: [])
                        == .held
                )
                try await harness.stores[1].register(same, claiming: .shared)
                try await harness.stores[1].unregister(same.id)
                #expect(try await harness.store.nodes().isEmpty)
            }
        }
    }

    @Test func `Idempotency and the measuring of hubs keep to the slot of the hub`() async throws {
        try await Self.withCluster(executing: Self.idempotency + [.measureHub]) { server, configuration in
            let presence = RedisPresenceStore(
                configuration: configuration,
                eventLoop: MultiThreadedEventLoopGroup.singleton.any(),
                logger: .quiet
            )
            let store = RedisIdempotencyStore(sharing: presence)
            try await PresenceKind.run(PresenceHarness(stores: [presence], outlive: { _ in })) { _ in
                let claim = IdempotencyClaim(key: try #require(IdempotencyKey("a{b}c")), request: "request")
                #expect(try await store.reserve(claim) == .reserved)
                try await store.release(claim)
                #expect(try await store.complete(claim, with: ByteBuffer(string: "answer")))
                let scope = "volary:2:h:{default}"
                for topic in ["group:a", "all"] {
                    server.command("XADD", "\(scope):log:\(topic)", "1", "t", "1", "b", "0", "e", "x", "p", "0", "o", "1")
                    server.command("HSET", "\(scope):top:\(topic)", "offset", "1", "total", "1", "base", "0", "last", "1")
                    server.command("ZADD", "\(scope):store:used", "1", "\(scope):t:\(topic)")
                }
                server.command("HSET", "\(scope):session:c", "bytes", "1", "state", "x")
                server.command("ZADD", "\(scope):sessions", "0", "c")
                let bytes = await RedisHubStorage(sharing: presence, settings: BrokerSettings(), logger: .quiet).bytes(
                    in: .default
                )
                #expect(bytes == 2 * (1 + 64 + 4544) + 1024 + 1 + 1)
            }
        }
    }
}
