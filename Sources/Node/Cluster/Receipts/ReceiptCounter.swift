import Atomics
import VolaryProtocol

/// Adds up, over all event loops of a node, how many connections one batch of publications reached.
final class ReceiptCounter: Sendable {
    let ids: [PublicationID]
    private let remaining: ManagedAtomic<Int>
    private let total = ManagedAtomic<UInt32>(0)

    init(ids: [PublicationID], parts: Int) {
        self.ids = ids
        self.remaining = ManagedAtomic(parts)
    }

    /// - Returns: the sum, to the caller that adds the last part; otherwise nil.
    func add(_ reached: UInt32) -> UInt32? {
        self.total.wrappingIncrement(by: reached, ordering: .relaxed)
        guard self.remaining.wrappingDecrementThenLoad(ordering: .acquiringAndReleasing) == 0 else { return nil }
        return self.total.load(ordering: .relaxed)
    }
}
