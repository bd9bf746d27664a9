import NIOConcurrencyHelpers
import Protocol

/// What several ``MemoryPresenceStore``s share: the memory counterpart of a Redis server's data and clock.
public final class MemoryPresence: Sendable {
    struct Entry {
        var record: NodeRecord
        /// By the shared clock, since it started.
        var renewedAt: Duration
        /// Ascending by id.
        var connections: [ConnectionRecord] = []

        func isExpired(at now: Duration) -> Bool {
            now - self.renewedAt >= .milliseconds(self.record.leaseMilliseconds)
        }

        /// Where `id` is, or belongs.
        func index(of id: ConnectionID) -> (position: Int, found: Bool) {
            var low = 0
            var high = self.connections.count
            while low < high {
                let middle = (low + high) / 2
                if self.connections[middle].id < id { low = middle + 1 } else { high = middle }
            }
            return (low, low < self.connections.count && self.connections[low].id == id)
        }

        mutating func add(_ connection: ConnectionRecord) {
            let (position, found) = self.index(of: connection.id)
            if found { self.connections[position] = connection } else { self.connections.insert(connection, at: position) }
        }

        mutating func remove(_ id: ConnectionID) {
            let (position, found) = self.index(of: id)
            if found { self.connections.remove(at: position) }
        }
    }

    private let entries = NIOLockedValueBox<[NodeID: Entry]>([:])
    private let elapsed: @Sendable () -> Duration

    /// - Parameter clock: the one clock on which leases are granted and judged.
    public init<C: Clock>(clock: C = ContinuousClock()) where C.Duration == Duration {
        let start = clock.now
        self.elapsed = { start.duration(to: clock.now) }
    }

    func withEntries<Result: Sendable>(
        _ body: (inout [NodeID: Entry], _ now: Duration) -> Result
    ) -> Result {
        let now = self.elapsed()
        return self.entries.withLockedValue { body(&$0, now) }
    }
}
