import NIOConcurrencyHelpers
import VolaryBackplane

/// What this node has to tell the presence store. ``PresenceReporter`` and its ``PresenceWriter`` share it.
struct PresenceState {
    var record: NodeRecord
    var scheduler = PresenceScheduler()
    var registration = PresenceRegistration()
    /// False until other nodes can probe this one, and after its name was found to be taken.
    var canRegister: Bool
    /// Callers that wait until a batch is stored.
    private var waiting: [(batch: Int, continuation: CheckedContinuation<Void, Never>)] = []

    init(record: NodeRecord, canRegister: Bool) {
        self.record = record
        self.canRegister = canRegister
    }

    /// Clears the record's `registering` mark once all connections are stored.
    mutating func completeRegistration() {
        guard self.record.registering, self.registration.isComplete else { return }
        self.record.registering = false
        self.scheduler.renew()
    }

    /// The caller is resumed when all changes made so far are stored.
    mutating func wait(_ continuation: CheckedContinuation<Void, Never>) {
        self.waiting.append((self.registration.nextBatch, continuation))
    }

    /// Removes and returns the callers whose batch is stored.
    /// - Parameter batch: the last stored one. Default: all callers are returned.
    mutating func takeWaiting(upTo batch: Int = .max) -> [CheckedContinuation<Void, Never>] {
        let stored = self.waiting.lazy.filter { $0.batch <= batch }.map(\.continuation)
        defer { self.waiting.removeAll { $0.batch <= batch } }
        return Array(stored)
    }
}

extension NIOLockedValueBox<PresenceState> {
    /// Resumes the callers whose batch is stored, outside of the lock.
    /// - Parameter batch: the last stored one. Default: all callers are resumed.
    func resumeWaiting(upTo batch: Int = .max) {
        for continuation in self.withLockedValue({ $0.takeWaiting(upTo: batch) }) { continuation.resume() }
    }
}
