import DequeModule
import VolaryProtocol

/// The writing operations of a node in a hub, in order: those without answer, and of those with one the newest, which a promoted
/// replica may lack.
struct OperationJournal {
    private struct Entry {
        /// Beside the entry, because many entries have none.
        private indirect enum Kept { case operation(SessionOperation) }

        let number: UInt64
        private var kept: Kept?
        var isAnswered = false

        init(number: UInt64, operation: SessionOperation) {
            self.number = number
            self.kept = .operation(operation)
        }

        /// Nil when nothing is left to send again: it was refused, a duplicate, or an attachment that was answered.
        var operation: SessionOperation? { if case .operation(let operation)? = self.kept { operation } else { nil } }

        mutating func forgetOperation() { self.kept = nil }

        var bytes: Int { 48 + (self.operation?.bytes ?? 0) }
    }

    private let messages: Int
    private let bytes: Int
    private var entries: Deque<Entry> = []
    private var entryBytes = 0
    private var last: UInt64 = 0
    /// Operations that were confirmed, which the store has lost while sessions go on, and which were not kept; those that were refused
    /// among them.
    private(set) var lost: UInt64 = 0
    /// The last operation of which it is known whether it is lost.
    private var lostThrough: UInt64 = 0

    /// - Parameters: of the answered operations that are kept.
    init(messages: Int = SessionLimits.journalOperations, bytes: Int = SessionLimits.journalBytes) {
        self.messages = messages
        self.bytes = bytes
    }

    /// Operations without answer.
    var outstanding: Int { self.entries.reduce(0) { $0 + ($1.isAnswered ? 0 : 1) } }

    /// The first operation that is kept, or the next one.
    private var first: UInt64 { self.entries.first?.number ?? self.last + 1 }

    mutating func add(_ operation: SessionOperation) -> OperationSequence {
        self.last += 1
        let entry = Entry(number: self.last, operation: operation)
        self.entries.append(entry)
        self.entryBytes += entry.bytes
        return OperationSequence(number: self.last, previous: self.last - 1)
    }

    /// A refused operation is not sent again, nor is a duplicate: the node that executed it sends that. An attachment belongs to a
    /// handshake that is over.
    mutating func answered(_ number: UInt64, _ answer: OperationAnswer) {
        guard let index = self.index(of: number) else { return }
        self.entryBytes -= self.entries[index].bytes
        self.entries[index].isAnswered = true
        switch answer {
        case .executed, .alreadyExecuted: break
        case .attached, .refused, .duplicate, .gap: self.entries[index].forgetOperation()
        }
        self.entryBytes += self.entries[index].bytes
        while let first = self.entries.first, first.isAnswered,
            self.entries.count > self.messages || self.entryBytes > self.bytes
        {
            self.entryBytes -= first.bytes
            self.entries.removeFirst()
        }
    }

    /// The numbers are consecutive, but for those that ``forgetConfirmed()`` has removed.
    private func index(of number: UInt64) -> Int? {
        guard let first = self.entries.first?.number, number >= first else { return nil }
        if let index = Int(exactly: number - first), index < self.entries.count, self.entries[index].number == number {
            return index
        }
        return self.entries.lastIndex { $0.number == number }
    }

    /// The store has nothing left, so that no session is left that may miss what was confirmed: new connections would get what is long past.
    mutating func forgetConfirmed() {
        self.entries.removeAll { $0.isAnswered }
        self.lostThrough = self.first - 1
        self.entryBytes = self.entries.reduce(0) { $0 + $1.bytes }
    }

    /// What is sent again when the store has executed nothing above `number`, in order: all that has no answer, and above it also what
    /// had been confirmed. Confirmed publications of sessions that are followed no longer are sent as the node's own; their other
    /// confirmed operations are not sent.
    mutating func resend(
        after number: UInt64,
        isFollowed: (OwnedSession) -> Bool
    ) -> [(operation: SessionOperation, sequence: OperationSequence)] {
        var previous = number
        let known = max(number, self.lostThrough)
        if self.first > known + 1 {
            self.lost += self.first - known - 1
            self.lostThrough = self.first - 1
        }
        return self.entries.filter { $0.number > number || !$0.isAnswered }.compactMap { entry in
            guard let operation = Self.repeated(entry, isFollowed: isFollowed) else { return nil }
            defer { previous = max(previous, entry.number) }
            return (operation, OperationSequence(number: entry.number, previous: min(previous, entry.number - 1)))
        }
    }

    private static func repeated(_ entry: Entry, isFollowed: (OwnedSession) -> Bool) -> SessionOperation? {
        guard let operation = entry.operation, entry.isAnswered else { return entry.operation }
        guard let writer = operation.writer, !isFollowed(OwnedSession(connection: writer.connection, fence: writer.fence)) else {
            return operation
        }
        guard case .publish(let publication, _) = operation else { return nil }
        return .publish(publication, from: nil)
    }
}
