import NIOCore
import NIOPosix
import TestSupport
import Testing
import VolaryProtocol

@testable import VolaryBackplane

/// What hubs keep in Redis is measured.
@Suite(.serialized, .timeLimit(.minutes(3)))
struct HubMeasureTests {
    /// Runs `body` with a cluster of one broker, and what measures its hubs.
    private static func run(
        age: Duration? = nil,
        _ body: (LoggedCluster, (HubName) async throws -> Int) async throws -> Void
    ) async throws {
        try await LoggedCluster.run(of: 1) { cluster in
            let presence = RedisPresenceStore(
                configuration: try RedisConfiguration(url: cluster.server.url),
                eventLoop: MultiThreadedEventLoopGroup.singleton.any(),
                logger: .quiet
            )
            var settings = BrokerSettings()
            if let age { settings.historyAge = age }
            let storage = RedisHubStorage(sharing: presence, settings: settings, logger: .quiet)
            try await PresenceKind.run(PresenceHarness(stores: [presence], outlive: { _ in })) { _ in
                try await body(cluster) { hub in
                    // The last result.
                    cluster.server.command("DEL", "volary:2:h:{\(hub)}:storage")
                    return try #require(await storage.bytes(in: hub))
                }
            }
        }
    }

    @Test func `Logs with and without a subscriber count with their bytes, in many steps, those of another hub do not`()
        async throws
    {
        try await Self.run { cluster, measure in
            let broker = cluster.last
            #expect(try await measure(.default) == 0)
            let text = String(repeating: "x", count: 10_000)
            await cluster.publish(Array(repeating: text, count: 10))
            let all = try await measure(.default)
            #expect((100_000..<110_000).contains(all), "\(all)")
            let groups = (0..<300).map { Topic.group(AudienceName("g\($0)" as String)!) }
            for group in groups {
                try await broker.broker.subscribe(to: group)
                _ = await broker.publish(text, to: group)
            }
            let more = try await measure(.default)
            #expect((all + 300 * 14_000..<all + 300 * 16_000).contains(more), "\(more)")
            for number in 0..<10 { _ = await broker.publish(text, to: .user(AudienceName("nobody \(number)" as String)!)) }
            #expect(try await measure(.default) > more)
            #expect(try await measure(try #require(HubName("other"))) == 0)
            // For all nodes, until it expires.
            #expect(cluster.server.command("PTTL", "volary:2:h:{default}:storage") != ":-2\r\n")
        }
    }

    @Test func `Entries above the age are removed, and the log is as if a publication had removed them`() async throws {
        try await Self.run(age: .zero) { cluster, measure in
            await cluster.publish((0..<20).map { "\($0)" + String(repeating: "x", count: 1000) })
            let keys = LogKeys(.all)
            let isTrimmed = try await eventually {
                _ = try await measure(.default)
                return cluster.server.command("XLEN", keys.log) == ":1\r\n"
            }
            #expect(isTrimmed)
            #expect(cluster.server.command("HGET", keys.head, "first") == "$2\r\n20\r\n")
            let bytes = try await measure(.default)
            #expect((5_600..<6_000).contains(bytes), "\(bytes)")
            await cluster.publish(["after"])
            #expect(await eventually { cluster.last.receiver.count == 21 })
            #expect(cluster.server.command("XLEN", keys.log) == ":2\r\n" && cluster.last.receiver.missed.isEmpty)
        }
    }

    @Test func `Sessions count with what is in their own topics`() async throws {
        try await Self.run { cluster, measure in
            let store = RedisSessionStore(
                resolver: MasterResolver(
                    configuration: try RedisConfiguration(url: cluster.server.url),
                    eventLoop: MultiThreadedEventLoopGroup.singleton.any(),
                    logger: .quiet
                ),
                logger: .quiet
            )
            store.start()
            defer { store.stop() }
            #expect(await eventually { (try? await store.expired(in: .default, limit: 1)) != nil })
            var node = ContractNode(1, SessionEndpoint(store: store, openLink: { _ in throw ContractError() }, advance: { _ in }))
            let id = ConnectionID.random(on: node.id)
            let session = try await node.attach(id)
            let empty = try await measure(.default)
            #expect(try await node.publish(String(repeating: "x", count: 50_000), to: .connection(id)).answer == .executed)
            let bytes = try await measure(.default)
            #expect(empty > 0 && (empty + 50_000..<empty + 51_000).contains(bytes), "\(empty) \(bytes)")
            #expect(try await store.remove(session, reason: "", from: node.caller).answer == .done)
            #expect(try await measure(.default) < empty)
        }
    }

    @Test func `What another program wrote in the place of logs and sessions counts as nothing`() async throws {
        try await Self.run { cluster, measure in
            await cluster.publish(["x"])
            let scope = "volary:2:h:{default}"
            for key in ["\(scope):log:all", "\(scope):store:used", "\(scope):sessions", "\(scope):store:idle"] {
                cluster.server.command("DEL", key)
                cluster.server.command("SET", key, "text")
            }
            let bytes = try await measure(.default)
            #expect(bytes == 0)
        }
    }
}
