import VolaryProtocol

/// What one node has had executed in a hub.
struct MemoryOperations {
    private(set) var last: UInt64 = 0
    /// Among the last 1,024.
    private var refusals: [UInt64: SessionRefusal] = [:]
    private(set) var touched: Int64 = 0

    enum Admission: Equatable {
        case execute
        case answer(OperationAnswer)
    }

    /// Uses the sequence up, whatever comes of the operation.
    mutating func admit(_ sequence: OperationSequence, now: Int64, rules: SessionRules) -> Admission {
        self.touched = now
        guard rules.enforces(.once) else { return .execute }
        guard sequence.number > self.last else {
            return .answer(self.refusals[sequence.number].map { .refused($0) } ?? .alreadyExecuted)
        }
        guard sequence.previous <= self.last else { return .answer(.gap(after: self.last)) }
        self.last = sequence.number
        let oldest = sequence.number - min(sequence.number, UInt64(SessionLimits.outstandingOperations))
        if !self.refusals.isEmpty { self.refusals = self.refusals.filter { $0.key > oldest } }
        return .execute
    }

    mutating func remember(_ refusal: SessionRefusal, of sequence: OperationSequence, rules: SessionRules) {
        guard rules.enforces(.once), rules.enforces(.rememberedRefusals) else { return }
        self.refusals[sequence.number] = refusal
    }
}
