import NIOConcurrencyHelpers
public import NIOCore

/// An ``IdempotencyStore`` for the nodes of one process, which share the instance. It never fails.
///
/// Bounded: past the capacity, or past 16 MiB of keys and answers, the keys that were reserved or answered longest ago are forgotten, and
/// a request that is sent again under one of them is carried out again.
public final class MemoryIdempotencyStore: IdempotencyStore {
    private struct Entry {
        let claim: IdempotencyClaim
        /// Nil while the request is being carried out.
        let answer: ByteBuffer?
        /// By the store's clock, since it started.
        let expiry: Duration
        /// Of its place in the order of ages.
        let serial: UInt64

        /// With what the dictionary and the order take for it: about 300 bytes.
        var bytes: Int { self.claim.key.description.utf8.count + (self.answer?.readableBytes ?? 0) + 300 }
    }

    private struct State {
        private var entries: [IdempotencyKey: Entry] = [:]
        /// Oldest first. An item is void when the entry under its key has another serial, or is gone.
        private var ages = CircularBuffer<(key: IdempotencyKey, serial: UInt64)>()
        private var bytes = 0
        private var nextSerial: UInt64 = 0

        mutating func live(_ key: IdempotencyKey, at now: Duration) -> Entry? {
            guard let entry = self.entries[key] else { return nil }
            guard entry.expiry <= now else { return entry }
            self.remove(key)
            return nil
        }

        mutating func put(_ claim: IdempotencyClaim, answer: ByteBuffer?, until expiry: Duration) {
            self.remove(claim.key)
            let entry = Entry(claim: claim, answer: answer, expiry: expiry, serial: self.nextSerial)
            self.nextSerial += 1
            self.entries[claim.key] = entry
            self.ages.append((claim.key, entry.serial))
            self.bytes += entry.bytes
        }

        mutating func remove(_ key: IdempotencyKey) {
            guard let entry = self.entries.removeValue(forKey: key) else { return }
            self.bytes -= entry.bytes
        }

        /// Removes from the old end what is void, expired or too much.
        mutating func forgetOldest(at now: Duration, capacity: Int) {
            while let (key, serial) = self.ages.first {
                if let entry = self.entries[key], entry.serial == serial {
                    let isTooMuch = self.entries.count > capacity || self.bytes > MemoryIdempotencyStore.maximumBytes
                    guard isTooMuch || entry.expiry <= now else { break }
                    self.remove(key)
                }
                _ = self.ages.popFirst()
            }
            // Void items pile up behind an old entry that stays.
            if self.ages.count > 2 * self.entries.count + 64 {
                self.ages.removeAll { self.entries[$0.key]?.serial != $0.serial }
            }
        }
    }

    /// Of keys and answers: 16 MiB, what 10,000 answers of more than a kilobyte take, and little beside a node's connections.
    private static let maximumBytes = 16 * 1024 * 1024

    private let capacity: Int
    private let lifetimes: IdempotencyLifetimes
    private let elapsed: @Sendable () -> Duration
    private let state = NIOLockedValueBox(State())

    /// - Parameters:
    ///   - clock: the one clock by which reservations and answers lapse.
    ///   - capacity: keys at most; default 10,000, thirty new ones a second.
    public init<C: Clock>(
        clock: C = ContinuousClock(),
        lifetimes: IdempotencyLifetimes = IdempotencyLifetimes(),
        capacity: Int = 10_000
    ) where C.Duration == Duration {
        let start = clock.now
        self.elapsed = { start.duration(to: clock.now) }
        self.lifetimes = lifetimes
        self.capacity = max(capacity, 1)
    }

    public func reserve(_ claim: IdempotencyClaim) async throws(IdempotencyError) -> IdempotencyReservation {
        self.withState { state, now in
            if let entry = state.live(claim.key, at: now) {
                guard entry.claim.request == claim.request else { return .mismatch }
                if let answer = entry.answer { return .answered(answer) }
                guard entry.claim == claim else { return .busy }
            }
            state.put(claim, answer: nil, until: now + self.lifetimes.reservation)
            state.forgetOldest(at: now, capacity: self.capacity)
            return .reserved
        }
    }

    public func complete(_ claim: IdempotencyClaim, with answer: ByteBuffer) async throws(IdempotencyError) -> Bool {
        precondition(answer.readableBytes <= IdempotencyLimits.answerBytes, "the caller keeps its answers small")
        return self.withState { state, now in
            if let entry = state.live(claim.key, at: now), entry.claim != claim { return false }
            state.put(claim, answer: answer, until: now + self.lifetimes.answer)
            state.forgetOldest(at: now, capacity: self.capacity)
            return true
        }
    }

    public func release(_ claim: IdempotencyClaim) async throws(IdempotencyError) {
        self.withState { state, now in
            guard let entry = state.live(claim.key, at: now), entry.claim == claim, entry.answer == nil else { return }
            state.remove(claim.key)
        }
    }

    private func withState<Result: Sendable>(_ body: (inout State, _ now: Duration) -> Result) -> Result {
        let now = self.elapsed()
        return self.state.withLockedValue { body(&$0, now) }
    }
}
