import NIOConcurrencyHelpers
import VolaryProtocol

/// The data and the clock that several ``MemoryPresenceStore``s share: the counterpart of a Redis server in memory.
public final class MemoryPresence: Sendable {
    struct Entry {
        var record: NodeRecord
        /// On the shared clock, from its start.
        var renewedAt: Duration
        private(set) var connections: [ConnectionID: ConnectionRecord] = [:]
        /// One index for each filter that matches a connection. Only the index of ``ConnectionFilter/everything`` may be empty.
        private var indexes: [ConnectionFilter: SortedIDs] = [.everything: SortedIDs()]

        init(record: NodeRecord, renewedAt: Duration) {
            self.record = record
            self.renewedAt = renewedAt
        }

        func isExpired(at now: Duration) -> Bool {
            now - self.renewedAt >= .milliseconds(self.record.leaseMilliseconds)
        }

        /// Nil when no connection matches the filter.
        func index(of filter: ConnectionFilter) -> SortedIDs? { self.indexes[filter] }

        mutating func add(_ connection: ConnectionRecord) {
            self.remove(connection.id)
            self.connections[connection.id] = connection
            self.indexes[.everything]?.insert(connection.id)
            for filter in ConnectionFilter.passed(by: connection) {
                self.indexes[filter, default: SortedIDs()].insert(connection.id)
            }
        }

        mutating func remove(_ id: ConnectionID) {
            guard let connection = self.connections.removeValue(forKey: id) else { return }
            self.indexes[.everything]?.remove(id)
            for filter in ConnectionFilter.passed(by: connection) {
                self.indexes[filter]?.remove(id)
                if self.indexes[filter]?.isEmpty == true { self.indexes[filter] = nil }
            }
        }
    }

    private let entries = NIOLockedValueBox<[NodeID: Entry]>([:])
    /// Nodes that were reaped with connections and have not renewed a lease since. One process has few nodes, so no entry
    /// expires.
    let reaped = NIOLockedValueBox<Set<NodeID>>([])
    private let elapsed: @Sendable () -> Duration

    /// - Parameter clock: the clock on which leases are granted and expire.
    public init<C: Clock>(clock: C = ContinuousClock()) where C.Duration == Duration {
        let start = clock.now
        self.elapsed = { start.duration(to: clock.now) }
    }

    /// Deletes a node that did not unregister. If it had connections, this is remembered until it renews a lease.
    /// - Returns: how many connections it had.
    func delete(_ id: NodeID, from entries: inout [NodeID: Entry]) -> Int {
        guard let entry = entries.removeValue(forKey: id) else { return 0 }
        if !entry.connections.isEmpty { self.reaped.withLockedValue { _ = $0.insert(id) } }
        return entry.connections.count
    }

    func withEntries<Result: Sendable>(
        _ body: (inout [NodeID: Entry], _ now: Duration) -> Result
    ) -> Result {
        let now = self.elapsed()
        return self.entries.withLockedValue { body(&$0, now) }
    }
}
