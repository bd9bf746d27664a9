import NIOPosix
import TestSupport
import Testing
import VolaryBackplane

/// The implementations of idempotency stores that the contract is tested on.
enum IdempotencyKind: String, CaseIterable, Sendable {
    case memory
    case redis

    /// Of different lengths; nothing waits for them, and any machine does in them what a test does.
    static let lifetimes = IdempotencyLifetimes(reservation: .seconds(60), answer: .seconds(600))

    /// Runs `body` with two nodes' stores.
    /// - Parameter room: for so many keys of one letter with small answers; nil: the default.
    func withStores(
        _ lifetimes: IdempotencyLifetimes = IdempotencyLifetimes(),
        room: Int? = nil,
        _ body: (IdempotencyHarness) async throws -> Void
    ) async throws {
        switch self {
        case .memory:
            let clock = SteppingClock()
            let store = MemoryIdempotencyStore(clock: clock, lifetimes: lifetimes, capacity: room ?? 10_000)
            try await body(IdempotencyHarness(stores: [store, store], outlive: { clock.advance(by: $0) }))
        case .redis:
            let server = try RedisServer.start()
            defer { server.stop() }
            try await Self.withRedisStores(
                server,
                lifetimes,
                maximumBytes: room.map { $0 * 1600 } ?? IdempotencyLimits.redisBytes,
                body
            )
        }
    }

    /// Runs `body` with two nodes' stores when both answer.
    static func withRedisStores(
        _ server: RedisServer,
        _ lifetimes: IdempotencyLifetimes = IdempotencyLifetimes(),
        commandTimeout: Duration = .seconds(10),
        maximumBytes: Int = IdempotencyLimits.redisBytes,
        _ body: (IdempotencyHarness) async throws -> Void
    ) async throws {
        var configuration = try RedisConfiguration(url: server.url)
        configuration.commandTimeout = commandTimeout
        let presence = (0..<2).map { _ in
            RedisPresenceStore(
                configuration: configuration,
                eventLoop: MultiThreadedEventLoopGroup.singleton.any(),
                logger: .quiet
            )
        }
        let harness = IdempotencyHarness(
            stores: presence.map { RedisIdempotencyStore(sharing: $0, lifetimes: lifetimes, maximumBytes: maximumBytes) },
            outlive: { #expect(server.age(by: $0.components.seconds * 1000)) }
        )
        try await PresenceKind.run(PresenceHarness(stores: presence, outlive: { _ in })) { _ in
            try await body(harness)
        }
    }
}

/// The stores of two nodes, and the passing of time.
struct IdempotencyHarness: Sendable {
    let stores: [any IdempotencyStore]
    /// Lets so much time pass for the stores.
    let outlive: @Sendable (Duration) async throws -> Void

    var store: any IdempotencyStore { self.stores[0] }

    func claim(_ key: String = "key", _ request: String = "request") -> IdempotencyClaim {
        IdempotencyClaim(key: IdempotencyKey(key)!, request: request)
    }
}
