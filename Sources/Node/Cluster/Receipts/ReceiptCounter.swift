import Atomics
import NIOConcurrencyHelpers
import VolaryProtocol

/// Adds up, over all event loops of a node, how many connections each publication of one batch reached.
final class ReceiptCounter: @unchecked Sendable {
    // Unchecked: `omissions` and `misses` are written under the lock before the part is counted, and read after the last part is.
    // All else is constant or atomic.

    /// One for all counters, because few batches have omissions or misses.
    private static let lock = NIOLock()

    let ids: [PublicationID]
    private let remaining: ManagedAtomic<Int>
    private let total = ManagedAtomic<UInt32>(0)
    private var omissions: [PublicationID: UInt32] = [:]
    private var misses = FanOutMisses()

    init(ids: [PublicationID], parts: Int) {
        self.ids = ids
        self.remaining = ManagedAtomic(parts)
    }

    /// - Returns: the sum, to the caller that adds the last part; otherwise nil.
    func add(_ reach: FanOutReach) -> FanOutReach? {
        self.total.wrappingIncrement(by: reach.connections, ordering: .relaxed)
        if !reach.omissions.isEmpty || !reach.misses.isEmpty {
            Self.lock.withLock {
                self.misses.add(reach.misses)
                for (id, count) in reach.omissions { self.omissions[id, default: 0] += count }
            }
        }
        guard self.remaining.wrappingDecrementThenLoad(ordering: .acquiringAndReleasing) == 0 else { return nil }
        return FanOutReach(connections: self.total.load(ordering: .relaxed), omissions: self.omissions, misses: self.misses)
    }
}
