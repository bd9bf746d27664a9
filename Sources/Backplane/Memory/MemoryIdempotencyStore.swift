import NIOConcurrencyHelpers
public import NIOCore

/// An ``IdempotencyStore`` for the nodes of one process, which share the instance. Its only error is ``IdempotencyError/full``.
///
/// It is limited by a number of keys, and by 16 MiB of keys and answers. A key is kept until it expires, whatever others reserve:
/// at a limit, new keys and answers are refused. A reservation always has room for an answer of
/// ``IdempotencyLimits/smallAnswerBytes``.
public final class MemoryIdempotencyStore: IdempotencyStore {
    private struct Entry {
        let claim: IdempotencyClaim
        /// Nil while the request is being executed.
        let answer: ByteBuffer?
        /// On the store's clock, from the start of the store.
        let expiry: Duration
        /// Identifies the entry in the order of expiry.
        let serial: UInt64

        /// The memory of the entry, including its share of the dictionary and the order: about 300 bytes.
        var bytes: Int {
            self.claim.key.description.utf8.count + max(self.answer?.readableBytes ?? 0, IdempotencyLimits.smallAnswerBytes) + 300
        }
    }

    /// Keys with the same lifetime: they expire in the order in which they were added. An item is void when the entry of its key
    /// has another serial or no longer exists.
    private typealias Order = CircularBuffer<(key: IdempotencyKey, serial: UInt64)>

    private struct State {
        private var entries: [IdempotencyKey: Entry] = [:]
        private var reservations = Order()
        private var answers = Order()
        private var bytes = 0
        private var nextSerial: UInt64 = 0

        func live(_ key: IdempotencyKey, at now: Duration) -> Entry? {
            self.entries[key].flatMap { $0.expiry <= now ? nil : $0 }
        }

        /// - Returns: false, with nothing changed, when there is no room.
        mutating func put(
            _ claim: IdempotencyClaim,
            answer: ByteBuffer?,
            until expiry: Duration,
            at now: Duration,
            capacity: Int
        ) -> Bool {
            self.forgetExpired(in: \.reservations, at: now)
            self.forgetExpired(in: \.answers, at: now)
            let entry = Entry(claim: claim, answer: answer, expiry: expiry, serial: self.nextSerial)
            let before = self.entries[claim.key]
            guard before != nil || self.entries.count < capacity,
                self.bytes - (before?.bytes ?? 0) + entry.bytes <= MemoryIdempotencyStore.maximumBytes
            else { return false }
            self.nextSerial += 1
            self.remove(claim.key)
            self.entries[claim.key] = entry
            self.bytes += entry.bytes
            if answer == nil {
                self.reservations.append((claim.key, entry.serial))
            } else {
                self.answers.append((claim.key, entry.serial))
            }
            return true
        }

        mutating func remove(_ key: IdempotencyKey) {
            guard let entry = self.entries.removeValue(forKey: key) else { return }
            self.bytes -= entry.bytes
        }

        /// Removes void and expired items from the old end.
        private mutating func forgetExpired(in order: WritableKeyPath<State, Order>, at now: Duration) {
            while let (key, serial) = self[keyPath: order].first {
                if let entry = self.entries[key], entry.serial == serial {
                    guard entry.expiry <= now else { break }
                    self.remove(key)
                }
                _ = self[keyPath: order].popFirst()
            }
            // Void items accumulate behind an old entry that has not expired.
            if self[keyPath: order].count > 2 * self.entries.count + 64 {
                let entries = self.entries
                self[keyPath: order].removeAll { entries[$0.key]?.serial != $0.serial }
            }
        }
    }

    /// The limit of keys and answers together: 16 MiB, enough for 10,000 answers of a kilobyte, and little compared with the
    /// connections of a node.
    private static let maximumBytes = 16 * 1024 * 1024

    private let capacity: Int
    private let lifetimes: IdempotencyLifetimes
    private let elapsed: @Sendable () -> Duration
    private let state = NIOLockedValueBox(State())

    /// - Parameters:
    ///   - clock: the clock for the expiry of reservations and answers.
    ///   - capacity: the most keys. Default 10,000: thirty new ones a second.
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
        let reservation: IdempotencyReservation? = self.withState { state, now in
            if let entry = state.live(claim.key, at: now) {
                guard entry.claim.request == claim.request else { return .mismatch }
                if let answer = entry.answer { return .answered(answer) }
                guard entry.claim == claim else { return .busy }
            }
            let expiry = now + self.lifetimes.reservation
            return state.put(claim, answer: nil, until: expiry, at: now, capacity: self.capacity) ? .reserved : nil
        }
        guard let reservation else { throw .full }
        return reservation
    }

    public func complete(_ claim: IdempotencyClaim, with answer: ByteBuffer) async throws(IdempotencyError) -> Bool {
        precondition(answer.readableBytes <= IdempotencyLimits.answerBytes, "the answer is too large")
        let isKept: Bool? = self.withState { state, now in
            if let entry = state.live(claim.key, at: now), entry.claim != claim { return false }
            let expiry = now + self.lifetimes.answer
            return state.put(claim, answer: answer, until: expiry, at: now, capacity: self.capacity) ? true : nil
        }
        guard let isKept else { throw .full }
        return isKept
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
