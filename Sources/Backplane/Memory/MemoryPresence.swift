import NIOConcurrencyHelpers
import VolaryProtocol

/// What several ``MemoryPresenceStore``s share: the memory counterpart of a Redis server's data and clock.
public final class MemoryPresence: Sendable {
    struct Entry {
        var record: NodeRecord
        /// By the shared clock, since it started.
        var renewedAt: Duration
        private(set) var connections: [ConnectionID: ConnectionRecord] = [:]
        /// One for each filter that any of the connections passes; none is empty but that of ``ConnectionFilter/everything``.
        private var indexes: [ConnectionFilter: SortedIDs] = [.everything: SortedIDs()]

        init(record: NodeRecord, renewedAt: Duration) {
            self.record = record
            self.renewedAt = renewedAt
        }

        func isExpired(at now: Duration) -> Bool {
            now - self.renewedAt >= .milliseconds(self.record.leaseMilliseconds)
        }

        /// Nil when no connection passes the filter.
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
    /// Those that were reaped with connections, until they renew a lease. The nodes of one process are few: none is forgotten for its age.
    let reaped = NIOLockedValueBox<Set<NodeID>>([])
    private let elapsed: @Sendable () -> Duration

    /// - Parameter clock: the one clock on which leases are granted and judged.
    public init<C: Clock>(clock: C = ContinuousClock()) where C.Duration == Duration {
        let start = clock.now
        self.elapsed = { start.duration(to: clock.now) }
    }

    /// Deletes a node that has not said that it goes. With connections, that is known until it renews a lease.
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
