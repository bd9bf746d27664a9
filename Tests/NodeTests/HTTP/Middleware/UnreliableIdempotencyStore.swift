import NIOConcurrencyHelpers
import NIOCore
import VolaryBackplane

/// A store in memory that a test can make unreachable.
final class UnreliableIdempotencyStore: IdempotencyStore {
    private let store = MemoryIdempotencyStore()
    private let away = NIOLockedValueBox(false)

    func setAway(_ isAway: Bool) { self.away.withLockedValue { $0 = isAway } }

    private func check() throws(IdempotencyError) {
        if self.away.withLockedValue({ $0 }) { throw .unavailable("redis://10.0.0.5 is away") }
    }

    func reserve(_ claim: IdempotencyClaim) async throws(IdempotencyError) -> IdempotencyReservation {
        try self.check()
        return try await self.store.reserve(claim)
    }

    func complete(_ claim: IdempotencyClaim, with answer: ByteBuffer) async throws(IdempotencyError) -> Bool {
        try self.check()
        return try await self.store.complete(claim, with: answer)
    }

    func release(_ claim: IdempotencyClaim) async throws(IdempotencyError) {
        try self.check()
        try await self.store.release(claim)
    }
}
