import NIOConcurrencyHelpers
import VolaryProtocol

/// The data and the clock that several ``MemoryPresenceStore``s share: the counterpart of a Redis server in memory.
public final class MemoryPresence: Sendable {
    struct Entry {
        var record: NodeRecord
        /// On the shared clock, from its start.
        var renewedAt: Duration
        /// Each has a connection.
        private var hubs: [HubName: MemoryHubPresence] = [:]

        init(record: NodeRecord, renewedAt: Duration) {
            self.record = record
            self.renewedAt = renewedAt
        }

        func isExpired(at now: Duration) -> Bool {
            now - self.renewedAt >= .milliseconds(self.record.leaseMilliseconds)
        }

        /// How many connections the node has in each hub; no hub without any.
        var counts: [HubName: Int] { self.hubs.mapValues(\.connections.count) }

        var total: Int { self.hubs.values.reduce(0) { $0 + $1.connections.count } }

        /// Nil when the node has no connection in the hub.
        func presence(in hub: HubName) -> MemoryHubPresence? { self.hubs[hub] }

        mutating func add(_ connection: ConnectionRecord, in hub: HubName) {
            self.hubs[hub, default: MemoryHubPresence()].add(connection)
        }

        mutating func remove(_ id: ConnectionID, in hub: HubName) {
            self.hubs[hub]?.remove(id)
            if self.hubs[hub]?.connections.isEmpty == true { self.hubs[hub] = nil }
        }
    }

    private let entries = NIOLockedValueBox<[NodeID: Entry]>([:])
    /// Nodes that were reaped with connections and have not renewed a lease since. One process has few nodes, so no entry
    /// expires.
    let reaped = NIOLockedValueBox<Set<NodeID>>([])
    private let taken = NIOLockedValueBox(MemoryTakenIDs())
    private let elapsed: @Sendable () -> Duration

    /// - Parameter clock: the clock on which leases are granted and expire.
    public init<C: Clock>(clock: C = ContinuousClock()) where C.Duration == Duration {
        let start = clock.now
        self.elapsed = { start.duration(to: clock.now) }
    }

    /// Deletes a node that did not unregister. If it had connections, this is remembered until it renews a lease.
    /// - Returns: how many connections it had in each hub.
    func delete(_ id: NodeID, from entries: inout [NodeID: Entry]) -> [HubName: Int] {
        guard let counts = entries.removeValue(forKey: id)?.counts else { return [:] }
        if !counts.isEmpty { self.reaped.withLockedValue { _ = $0.insert(id) } }
        return counts
    }

    /// As ``PresenceStore/take(_:in:for:)``.
    func take(_ id: ConnectionID, in hub: HubName, for time: Duration) -> Bool {
        let now = self.elapsed()
        return self.taken.withLockedValue { $0.take(id, in: hub, until: now + time, now: now) }
    }

    func withEntries<Result: Sendable>(
        _ body: (inout [NodeID: Entry], _ now: Duration) -> Result
    ) -> Result {
        let now = self.elapsed()
        return self.entries.withLockedValue { body(&$0, now) }
    }
}
