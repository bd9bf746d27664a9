import NIOCore
import VolaryProtocol

/// An answer of a script that looked at the order: what was observed, a word, and what belongs to it.
struct SessionReply {
    let position: Position
    let loss: EpochLoss?
    /// The history of Redis, if it is not the one that the caller named.
    let history: String?
    private let answer: RESPValue
    private let rest: ArraySlice<RESPValue>
    /// Of the caller's operations, the last that was executed.
    private let lastOperation: UInt64

    init(_ value: RESPValue) throws(SessionStoreError) {
        guard let parts = value.elements, parts.count >= 2, let observed = parts[0].elements, observed.count == 8,
            let epoch = observed[0].unsigned, let number = observed[1].unsigned, let above = observed[3].integer,
            let operation = observed[4].unsigned, let isTotal = observed[5].integer, let lostEpoch = observed[6].unsigned,
            let lostNumber = observed[7].unsigned
        else { throw Self.wrongShape }
        self.position = Position(epoch: epoch, number: number)
        self.loss =
            above < 0
            ? nil
            : EpochLoss(
                above: UInt64(above),
                lastOperation: operation,
                isTotal: isTotal == 1,
                lost: lostEpoch > 0 ? Position(epoch: lostEpoch, number: lostNumber) : nil
            )
        self.history = observed[2].text.flatMap { $0.isEmpty ? nil : $0 }
        self.answer = parts[1]
        self.rest = parts[2...]
        self.lastOperation = operation
    }

    static var wrongShape: SessionStoreError { .unavailable("unexpected answer from a script") }

    // MARK: - Answers

    /// Of a script that executes several operations: the answers, each with what belongs to it.
    /// - Parameter count: how many there must be.
    func operationAnswers(_ count: Int) throws(SessionStoreError) -> [OperationAnswer] {
        guard let answers = self.answer.elements, answers.count == count else { throw Self.wrongShape }
        var operations: [OperationAnswer] = []
        for answer in answers {
            guard let parts = answer.elements, let word = parts.first else { throw Self.wrongShape }
            operations.append(try self.operationAnswer(word, parts.dropFirst()))
        }
        return operations
    }

    var operationAnswer: OperationAnswer {
        get throws(SessionStoreError) { try self.operationAnswer(self.answer, self.rest) }
    }

    private func operationAnswer(
        _ answer: RESPValue,
        _ rest: ArraySlice<RESPValue>
    ) throws(SessionStoreError) -> OperationAnswer {
        switch answer.text {
        case "executed": return .executed
        case "done": return .alreadyExecuted
        case "duplicate": return .duplicate
        case "gap": return .gap(after: self.lastOperation)
        case "attached":
            guard let fence = rest.first?.text.flatMap({ Fence(text: $0) }) else { throw Self.wrongShape }
            return .attached(fence)
        default: return .refused(try Self.refusal(answer))
        }
    }

    var sessionAnswer: SessionAnswer {
        get throws(SessionStoreError) { try Self.sessionAnswer(self.answer) }
    }

    /// - Parameter count: how many there must be.
    func sessionAnswers(_ count: Int) throws(SessionStoreError) -> [SessionAnswer] {
        guard let words = self.answer.elements, words.count == count else { throw Self.wrongShape }
        var answers: [SessionAnswer] = []
        for word in words { answers.append(try Self.sessionAnswer(word)) }
        return answers
    }

    func claimAnswer(of id: ConnectionID) throws(SessionStoreError) -> ClaimAnswer {
        switch (self.answer.text, self.rest.first) {
        case ("later", _): return .later
        case ("never", let refusal?): return .never(try Self.refusal(refusal))
        case ("claimed", let fields?):
            guard let groups = self.rest.dropFirst().first, let record = SessionRecord(id: id, fields: fields, groups: groups)
            else { throw Self.wrongShape }
            return .claimed(record)
        default: throw Self.wrongShape
        }
    }

    /// - Parameter topics: those that were named, by their names in keys.
    func readAnswer(to read: SessionRead, topics: [String: Audience]) throws(SessionStoreError) -> SessionReadAnswer {
        let id = read.session.connection
        let rest = Array(self.rest)
        switch self.answer.text {
        case "topics":
            guard rest.count == 2, let user = rest[0].text, let memberships = MembershipHistory(fields: rest[1])
            else { throw Self.wrongShape }
            let name = AudienceName(user)
            return .topics(
                Set(SessionRecord.topics(of: id, user: name, memberships: memberships, after: read.after).keys)
            )
        case "page":
            guard rest.count == 4, let through = rest[0].unsigned, let isLast = rest[1].integer, let rows = rest[2].elements,
                let memberships = MembershipHistory(fields: rest[3])
            else { throw Self.wrongShape }
            var entries: [LogEntry] = []
            for row in rows {
                guard let entry = Self.entry(row, topics, own: .connection(id)) else { throw Self.wrongShape }
                entries.append(entry)
            }
            return .page(HubPage(entries: entries, through: through, isLast: isLast == 1), memberships)
        default: return .refused(try Self.refusal(self.answer))
        }
    }

    func numbers(of topics: [Audience]) throws(SessionStoreError) -> LastNumbers {
        let rest = Array(self.rest)
        guard let numbers = self.answer.elements, numbers.count == topics.count, rest.count == 2, let epoch = rest[0].unsigned,
            let number = rest[1].unsigned
        else { throw Self.wrongShape }
        let pairs = zip(topics, numbers.map { $0.unsigned ?? 0 }).filter { $0.1 > 0 }
        return LastNumbers(
            byTopic: Dictionary(pairs.map { ($0.0, $0.1) }) { first, _ in first },
            lost: epoch > 0 ? Position(epoch: epoch, number: number) : nil
        )
    }

    private static func entry(_ row: RESPValue, _ topics: [String: Audience], own: Audience) -> LogEntry? {
        guard let parts = row.elements, parts.count == 5, let name = parts[0].text, let number = parts[1].unsigned,
            let previous = parts[2].unsigned, let time = parts[3].integer, let bytes = parts[4].bytes
        else { return nil }
        let topic = name.isEmpty ? own : topics[name]
        let content = name.isEmpty ? ControlEntryCodec.decode(bytes) : HubFrame.content(envelope: bytes)
        guard let topic else { return nil }
        return LogEntry(number: number, previous: previous, topic: topic, time: time, content: content)
    }

    private static func sessionAnswer(_ word: RESPValue) throws(SessionStoreError) -> SessionAnswer {
        word.text == "ok" ? .done : .refused(try self.refusal(word))
    }

    private static func refusal(_ word: RESPValue) throws(SessionStoreError) -> SessionRefusal {
        switch word.text {
        case "gone": .gone
        case "fenced": .fenced
        case "unverified": .unverified
        case "noReceiver": .noReceiver
        case "trimmed": .trimmed
        case "full": .full
        case "exists": .exists
        default: throw self.wrongShape
        }
    }
}

/// Answers of lists. A row that no node writes is left out.
extension SessionReply {
    static func ids(_ value: RESPValue) -> [ConnectionID] {
        (value.elements ?? []).compactMap { $0.text.flatMap { ConnectionID($0) } }
    }

    static func ownedSessions(_ value: RESPValue) -> [OwnedSession] {
        self.pairs(value).compactMap { id, fence in
            fence.text.flatMap { Fence(text: $0) }.map { OwnedSession(connection: id, fence: $0) }
        }
    }

    static func foundSessions(_ value: RESPValue) throws(SessionStoreError) -> FoundSessions {
        guard let elements = value.elements, let next = elements.first?.text, elements.count % 3 == 1 else {
            throw self.wrongShape
        }
        let sessions = stride(from: 1, to: elements.count, by: 3).compactMap { index -> FoundSession? in
            guard let id = elements[index].text.flatMap({ ConnectionID($0) }),
                let fence = elements[index + 1].text.flatMap({ Fence(text: $0) }), let owner = elements[index + 2].text
            else { return nil }
            return FoundSession(id: id, fence: fence, owner: NodeID(owner))
        }
        return FoundSessions(sessions: sessions, next: ConnectionID(next))
    }

    static func endedSessions(_ value: RESPValue) -> [EndedSession] {
        self.pairs(value).compactMap { id, value in
            guard var bytes = value.bytes,
                let (user, reason, size) = bytes.readMultipleIntegers(as: (UInt32, UInt32, UInt32).self),
                let name = bytes.readString(length: Int(user)), let text = bytes.readString(length: Int(reason)),
                let state = bytes.readSlice(length: Int(size))
            else { return nil }
            return EndedSession(connection: id, user: AudienceName(name), state: state, reason: text)
        }
    }

    private static func pairs(_ value: RESPValue) -> [(ConnectionID, RESPValue)] {
        let elements = value.elements ?? []
        return stride(from: 0, to: elements.count - 1, by: 2).compactMap { index in
            elements[index].text.flatMap { ConnectionID($0) }.map { ($0, elements[index + 1]) }
        }
    }
}

extension RESPValue {
    /// A number of the order, or an epoch.
    var unsigned: UInt64? { self.integer.flatMap { UInt64(exactly: $0) } }
}
