import NIOConcurrencyHelpers
import VolaryBackplane
import VolaryProtocol

/// A presence store in memory that fails when a test says so, and counts what it is asked.
final class FlakyStore: PresenceStore {
    struct Calls: Equatable {
        var register = 0
        var renew = 0
        var update = 0
        var unregister = 0
        var nodes = 0
        /// Of the last registration.
        var claim: NameClaim?
    }

    private struct State {
        var isFailing = false
        var isFailingUpdates = false
        var duringUpdates: @Sendable () async -> Void = {}
        var calls = Calls()
    }

    private let store: MemoryPresenceStore
    private let state = NIOLockedValueBox(State())

    init(shared: MemoryPresence) {
        self.store = MemoryPresenceStore(shared: shared)
    }

    var calls: Calls { self.state.withLockedValue { $0.calls } }

    func fail(_ isFailing: Bool) { self.state.withLockedValue { $0.isFailing = isFailing } }

    /// Updates only: a lease can be taken, and what the node holds does not follow.
    func failUpdates(_ isFailing: Bool) { self.state.withLockedValue { $0.isFailingUpdates = isFailing } }

    /// - Parameter event: happens while an update is under way, each time.
    func duringUpdates(_ event: @escaping @Sendable () async -> Void) {
        self.state.withLockedValue { $0.duringUpdates = event }
    }

    private func count(_ change: (inout Calls) -> Void) throws(PresenceError) {
        let isFailing = self.state.withLockedValue { state in
            change(&state.calls)
            return state.isFailing
        }
        if isFailing { throw .unavailable("the test says so") }
    }

    @discardableResult
    func register(_ node: NodeRecord, claiming claim: NameClaim) async throws(PresenceError) -> NodeRegistration {
        try self.count {
            $0.register += 1
            $0.claim = claim
        }
        return try await self.store.register(node, claiming: claim)
    }

    func renew(_ node: NodeRecord) async throws(PresenceError) -> LeaseState {
        try self.count { $0.renew += 1 }
        return try await self.store.renew(node)
    }

    func update(
        _ node: NodeID,
        in hub: HubName,
        adding: [ConnectionRecord],
        removing: [ConnectionID]
    ) async throws(PresenceError) -> LeaseState {
        try self.count { $0.update += 1 }
        await self.state.withLockedValue { $0.duringUpdates }()
        if self.state.withLockedValue({ $0.isFailingUpdates }) { throw .unavailable("the test says so") }
        return try await self.store.update(node, in: hub, adding: adding, removing: removing)
    }

    func unregister(_ node: NodeID) async throws(PresenceError) {
        try self.count { $0.unregister += 1 }
        try await self.store.unregister(node)
    }

    func reap() async throws(PresenceError) -> [ReapedNode] {
        try self.count { _ in }
        return try await self.store.reap()
    }

    func nodes() async throws(PresenceError) -> [NodeStatus] {
        try self.count { $0.nodes += 1 }
        return try await self.store.nodes()
    }

    func connections(_ query: ConnectionQuery) async throws(PresenceError) -> ConnectionPage {
        try self.count { _ in }
        return try await self.store.connections(query)
    }

    func connection(_ id: ConnectionID, in hub: HubName) async throws(PresenceError) -> ListedConnection? {
        try self.count { _ in }
        return try await self.store.connection(id, in: hub)
    }

    func take(_ id: ConnectionID, in hub: HubName, for time: Duration) async throws(PresenceError) -> Bool {
        try self.count { _ in }
        return try await self.store.take(id, in: hub, for: time)
    }

    func run() async throws { try await self.store.run() }
}
