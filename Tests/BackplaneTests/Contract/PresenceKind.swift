import Backplane
import NIOConcurrencyHelpers
import NIOPosix
import Protocol
import TestSupport

/// The implementations of presence stores that the contract is tested on.
enum PresenceKind: String, CaseIterable, Sendable {
    case memory
    case redis

    /// Runs `body` with `count` stores that share what they know, all running.
    func withStores(_ count: Int, _ body: (PresenceHarness) async throws -> Void) async throws {
        switch self {
        case .memory:
            let clock = SettableClock()
            let shared = MemoryPresence(clock: clock)
            let stores = (0..<count).map { _ in MemoryPresenceStore(shared: shared) }
            let harness = PresenceHarness(stores: stores, shortLease: 1500) { clock.advance(by: .milliseconds($0 + 20)) }
            try await Self.run(harness, body)
        case .redis:
            let server = try RedisServer.start()
            defer { server.stop() }
            let configuration = try RedisConfiguration(url: server.url)
            let stores = (0..<count).map { _ in
                RedisPresenceStore(
                    configuration: configuration,
                    eventLoop: MultiThreadedEventLoopGroup.singleton.any(),
                    logger: .quiet
                )
            }
            try await Self.run(PresenceHarness(stores: stores, shortLease: 1500, outlive: Self.sleepThrough), body)
        }
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

    /// Redis' clock cannot be set: the lease is short, and really passes.
    private static func sleepThrough(leaseMilliseconds: Int64) async throws {
        try await Task.sleep(for: .milliseconds(leaseMilliseconds + 20))
    }
}

/// A clock that stands still but for the test; nobody sleeps on it.
private final class SettableClock: Clock, Sendable {
    struct Instant: InstantProtocol {
        var elapsed = Duration.zero

        func advanced(by duration: Duration) -> Instant { Instant(elapsed: self.elapsed + duration) }
        func duration(to other: Instant) -> Duration { other.elapsed - self.elapsed }
        static func < (left: Instant, right: Instant) -> Bool { left.elapsed < right.elapsed }
    }

    private let instant = NIOLockedValueBox(Instant())

    var now: Instant { self.instant.withLockedValue { $0 } }
    var minimumResolution: Duration { .zero }

    func sleep(until deadline: Instant, tolerance: Duration?) async throws { throw CancellationError() }

    func advance(by duration: Duration) { self.instant.withLockedValue { $0 = $0.advanced(by: duration) } }
}

/// Stores of one cluster, and the passing of time.
struct PresenceHarness: Sendable {
    let stores: [any PresenceStore]
    /// A lease to be outlived, in milliseconds.
    let shortLease: Int64
    /// Lets a lease of so many milliseconds, granted before the call, expire.
    let outlive: @Sendable (Int64) async throws -> Void

    var store: any PresenceStore { self.stores[0] }

    func record(_ name: String, id: NodeID = .random(), short: Bool = false, draining: Bool = false) -> NodeRecord {
        NodeRecord(
            id: id,
            name: name,
            version: "1.2.3",
            startedAt: 1_781_330_400_123,
            leaseMilliseconds: short ? self.shortLease : 60_000,
            draining: draining
        )
    }

    func connections(_ count: Int, on node: NodeID) -> [ConnectionRecord] {
        (0..<count).map { ConnectionRecord(id: .random(on: node), protocol: "plain", connectedAt: 1_781_330_400_000 + Int64($0)) }
    }

    /// Every page, one after the other.
    func allPages(limit: Int, nodeName: String? = nil) async throws -> [ConnectionPage] {
        var pages: [ConnectionPage] = []
        var after: ConnectionID?
        while true {
            let page = try await self.store.connections(ConnectionQuery(limit: limit, after: after, nodeName: nodeName))
            pages.append(page)
            after = page.connections.last?.record.id
            guard page.hasMore, after != nil else { return pages }
        }
    }
}
