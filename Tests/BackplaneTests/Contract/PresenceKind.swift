import NIOPosix
import TestSupport
import Testing
import VolaryBackplane
import VolaryProtocol

/// The implementations of presence stores that the contract is tested on.
enum PresenceKind: String, CaseIterable, Sendable {
    case memory, redis

    /// Runs `body` with `count` stores that share what they know, all running.
    func withStores(_ count: Int, _ body: (PresenceHarness) async throws -> Void) async throws {
        switch self {
        case .memory:
            let clock = ManualClock()
            let shared = MemoryPresence(clock: clock)
            let stores = (0..<count).map { _ in MemoryPresenceStore(shared: shared) }
            let harness = PresenceHarness(
                stores: stores,
                outlive: { clock.advance(by: .milliseconds($0)) },
                // Its data cannot be lost but by deleting it.
                loseEverything: { for node in try await stores[0].nodes() { try await stores[0].unregister(node.record.id) } }
            )
            try await Self.run(harness, body)
        case .redis:
            let server = try RedisServer.start()
            defer { server.stop() }
            try await Self.withRedis(server, stores: count, body)
        }
    }

    /// As ``withStores(_:_:)``, in a Redis that the test knows.
    static func withRedis(
        _ server: RedisServer,
        stores count: Int,
        _ body: (PresenceHarness) async throws -> Void
    ) async throws {
        let configuration = try RedisConfiguration(url: server.url)
        let stores = (0..<count).map { _ in
            RedisPresenceStore(
                configuration: configuration,
                eventLoop: MultiThreadedEventLoopGroup.singleton.any(),
                logger: .quiet
            )
        }
        let harness = PresenceHarness(
            stores: stores,
            outlive: { #expect(server.age(by: $0)) },
            loseEverything: { #expect(server.command("FLUSHALL") == "+OK\r\n") }
        )
        try await Self.run(harness, body)
    }

    /// Runs the harness' stores while `body` runs, which begins when all answer.
    static func run(_ harness: PresenceHarness, _ body: (PresenceHarness) async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for store in harness.stores { group.addTask { try await store.run() } }
            defer { group.cancelAll() }
            for store in harness.stores {
                let answers = await eventually { (try? await store.nodes()) != nil }
                guard answers else { throw PresenceError.unavailable("the store does not come up") }
            }
            try await body(harness)
        }
    }
}

/// Stores of one cluster, and the passing of time.
struct PresenceHarness: Sendable {
    /// A lease to be outlived, in milliseconds. Nothing waits for it; it is long enough for any machine to do in it what a test does.
    static let shortLease: Int64 = 25_000

    let stores: [any PresenceStore]
    /// Lets so many milliseconds pass for the stores: a lease of that length, granted before the call, is over.
    let outlive: @Sendable (Int64) async throws -> Void
    /// Leaves the store as empty as a new one.
    var loseEverything: @Sendable () async throws -> Void = {}

    var store: any PresenceStore { self.stores[0] }

    func record(_ name: String, id: NodeID = .random(), short: Bool = false, draining: Bool = false) -> NodeRecord {
        NodeRecord(
            id: id,
            name: name,
            version: "1.2.3",
            startedAt: 1_781_330_400_123,
            leaseMilliseconds: short ? Self.shortLease : 60_000,
            draining: draining
        )
    }

    func connections(_ count: Int, on node: NodeID) -> [ConnectionRecord] {
        (0..<count).map { ConnectionRecord(id: .random(on: node), protocol: "plain", connectedAt: 1_781_330_400_000 + Int64($0)) }
    }

    /// A connection of which only who it is matters.
    func connection(on node: NodeID, user: AudienceName? = nil, groups: Set<AudienceName> = []) -> ConnectionRecord {
        ConnectionRecord(
            id: .random(on: node),
            protocol: "plain",
            connectedAt: 1_781_330_400_000,
            user: user,
            groups: groups
        )
    }

    /// Every page, one after the other.
    func allPages(
        limit: Int,
        nodeName: String? = nil,
        user: AudienceName? = nil,
        group: AudienceName? = nil
    ) async throws -> [ConnectionPage] {
        var pages: [ConnectionPage] = []
        var after: ConnectionID?
        while true {
            let query = ConnectionQuery(
                limit: limit,
                after: after,
                nodeName: nodeName.map { UTF8Text($0) },
                user: user,
                group: group
            )
            let page = try await self.store.connections(query)
            pages.append(page)
            after = page.connections.last?.record.id
            guard page.hasMore, after != nil else { return pages }
        }
    }

    /// The records of all pages together.
    func all(user: AudienceName? = nil, group: AudienceName? = nil) async throws -> [ConnectionRecord] {
        try await self.allPages(limit: 100, user: user, group: group).flatMap(\.connections).map(\.record)
    }
}

/// For names that stand in the test's text.
extension AudienceName: ExpressibleByStringLiteral {
    init(stringLiteral text: String) {
        guard let name = AudienceName(text) else { preconditionFailure("not a name: \(text)") }
        self = name
    }
}
