import NIOConcurrencyHelpers
import VolaryProtocol

@testable import VolaryBackplane

/// The implementations that the contract is tested on.
enum SessionStoreKind: String, CaseIterable, Sendable {
    case memory, redis

    /// Runs `body` with a store whose clock the test advances.
    func withStore(
        limits: SessionLimits = SessionLimits(),
        _ body: (SessionEndpoint) async throws -> Void
    ) async throws {
        let time = NIOLockedValueBox<Int64>(1_800_000_000_000)
        let store = try await self.worldStore(time: time, rules: .all, limits: limits)
        let endpoint = SessionEndpoint(
            store: store.sessions,
            openLink: { await store.openLink(for: $0) },
            advance: { milliseconds in
                time.withLockedValue { $0 += milliseconds }
                await store.setTime(time.withLockedValue { $0 })
            }
        )
        do {
            try await body(endpoint)
        } catch {
            await store.close()
            throw error
        }
        await store.close()
    }

    /// - Parameter time: milliseconds since 1970 of the schedule.
    func worldStore(
        time: NIOLockedValueBox<Int64>,
        rules: SessionRules,
        limits: SessionLimits
    ) async throws -> any WorldStore {
        switch self {
        case .memory:
            let store = MemorySessionStore(limits: limits) { time.withLockedValue { $0 } }
            store.enforce(rules)
            return MemoryWorldStore(store: store)
        case .redis:
            return try await RedisWorldStore(
                time: time.withLockedValue { $0 },
                limits: limits,
                replacing: ScriptRules.removing(rules)
            )
        }
    }

    /// Whether a test can take these rules away.
    func canRemove(_ rules: SessionRules) -> Bool {
        switch self {
        case .memory: true
        case .redis: ScriptRules.nodeRules.union(SessionRules(ScriptRules.replacements.map(\.rule))).isSuperset(of: rules)
        }
    }

    /// How many runs on the memory store take about as long.
    var costOfRun: UInt64 {
        switch self {
        case .memory: 1
        case .redis: 30
        }
    }
}

/// A store in a test, with what each kind does in its own way.
struct SessionEndpoint {
    let store: any SessionStore
    let openLink: (NodeID) async throws -> any WorldLink
    /// Lets the store's time pass, in milliseconds.
    let advance: (Int64) async throws -> Void
}
