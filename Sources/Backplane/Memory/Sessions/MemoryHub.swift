import VolaryProtocol

/// The data of one hub, and its scripts: the counterpart of a hub's keys in Redis. A value, so that a copy is a replica.
///
/// Each script begins with ``enter(_:)``, and leaves what is to be pushed in `pushes`.
struct MemoryHub {
    enum Push {
        case topic(Audience, HubLinkEvent)
        case node(NodeID, HubLinkEvent)
    }

    /// Node ids that a hub remembers before those idle for a day go.
    private static let rememberedNodes = 1024
    private static let nodeMemory: Int64 = 24 * 60 * 60 * 1000

    let limits: SessionLimits
    var rules = SessionRules.all
    /// The process that executes the scripts: another one after a promotion or a restart.
    var process: UInt64
    var head: HubHead?
    /// Of the script that is executed, in milliseconds since 1970.
    var now: Int64 = 0
    var operations: [NodeID: MemoryOperations] = [:]
    var topics: [Audience: MemoryTopicLog] = [:]
    var records: [ConnectionID: SessionRecord] = [:]
    var ended = MemoryEndedSessions()
    /// Of all logs and records.
    var bytes = 0
    var pushes: [Push] = []
    private var idleCheckedAt: Int64 = 0

    init(limits: SessionLimits, process: UInt64) {
        self.limits = limits
        self.process = process
    }

    /// How long a topic without new entries is kept.
    var topicLife: Int64 { (self.limits.logAge + SessionLimits.topicGrace).milliseconds }

    /// The first line of each script: begins an epoch where the history is not the one that the head belongs to.
    mutating func enter(_ seen: Position?) {
        let surviving = self.head == nil ? self.removeLogs() : 0
        self.head?.note(seen)
        let isOther = self.rules.enforces(.epochByProcess) && self.head?.process != self.process
        if self.head == nil || isOther || self.head?.lacks(seen) == true {
            self.head = HubHead(after: self.head, surviving: surviving, process: self.process, seen: seen, now: self.now)
        }
        let life = self.topicLife
        self.head?.markTime(self.now, life: life)
        self.removeIdle()
    }

    /// Removes logs without their head.
    /// - Returns: their highest number, which must not be given again.
    private mutating func removeLogs() -> UInt64 {
        let highest = self.topics.values.map(\.last).max() ?? 0
        self.bytes -= self.topics.values.reduce(0) { $0 + $1.bytes }
        self.topics = [:]
        return highest
    }

    var position: Position { self.head?.position ?? Position(epoch: 0, number: 0) }

    mutating func nextNumber() -> UInt64 { self.head?.next() ?? 0 }

    mutating func admit(_ sequence: OperationSequence, of node: NodeID) -> MemoryOperations.Admission {
        if self.operations[node] == nil, self.operations.count >= Self.rememberedNodes {
            self.operations = self.operations.filter { self.now - $0.value.touched < Self.nodeMemory }
        }
        return self.operations[node, default: MemoryOperations()].admit(sequence, now: self.now, rules: self.rules)
    }

    /// Nil when the caller owns the session, in this epoch.
    func refusal(of session: OwnedSession, rule: SessionRules) -> SessionRefusal? {
        guard let record = self.records[session.connection] else { return .gone }
        if self.rules.enforces(rule), record.fence != session.fence { return .fenced }
        return record.epoch == self.position.epoch ? nil : .unverified
    }

    // MARK: - Logs

    /// Where the log of a topic starts, if there is one or not.
    func start(of topic: Audience) -> UInt64 { self.topics[topic]?.start ?? self.floor }

    private var floor: UInt64 {
        self.rules.enforces(.floor) ? self.head?.floor(at: self.now, life: self.topicLife) ?? 0 : 0
    }

    /// - Returns: the entry's number.
    @discardableResult
    mutating func append(_ content: LogEntry.Content, to topic: Audience) -> UInt64 {
        let number = self.nextNumber()
        var log = self.topics.removeValue(forKey: topic) ?? self.newLog()
        self.bytes -= log.bytes
        let entry = LogEntry(number: number, previous: log.last, topic: topic, time: self.now, content: content)
        log.append(entry)
        log.trim(
            messages: self.limits.topicMessages,
            bytes: self.limits.topicBytes,
            age: self.limits.logAge.milliseconds,
            now: self.now
        )
        self.bytes += log.bytes
        self.topics[topic] = log
        let event = HubLinkEvent.entry(entry, epoch: self.position.epoch)
        if case .connection(let id) = topic {
            if case .attached(let node) = self.records[id]?.status { self.pushes.append(.node(node, event)) }
        } else {
            self.pushes.append(.topic(topic, event))
        }
        return number
    }

    private mutating func newLog() -> MemoryTopicLog {
        let log = MemoryTopicLog(start: self.floor, now: self.now)
        self.bytes += log.bytes
        return log
    }

    /// Makes the topics of a record keep what it may need.
    mutating func keep(_ topics: some Sequence<Audience>) {
        let until = self.now + self.limits.logAge.milliseconds
        for topic in topics {
            if self.topics[topic] == nil { self.topics[topic] = self.newLog() }
            self.topics[topic]?.keepUntil = until
        }
    }

    /// Makes room for `bytes`: the largest logs lose their older half, as far as they need not keep it.
    /// - Returns: whether there is room.
    mutating func makeRoom(for bytes: Int) -> Bool {
        guard self.bytes + bytes > self.limits.hubBytes else { return true }
        for (topic, log) in self.topics.sorted(by: { $0.value.bytes > $1.value.bytes }) {
            var trimmed = log
            trimmed.trim(messages: log.entries.count / 2, bytes: log.bytes / 2, age: .max, now: self.now)
            self.bytes += trimmed.bytes - log.bytes
            self.topics[topic] = trimmed
            if self.bytes + bytes <= self.limits.hubBytes { return true }
        }
        return false
    }

    /// Once in 10 s: entries of idle topics that are too old go, then topics without a recent entry.
    private mutating func removeIdle() {
        guard self.now - self.idleCheckedAt >= SessionLimits.markInterval.milliseconds else { return }
        self.idleCheckedAt = self.now
        for (topic, log) in self.topics {
            var trimmed = log
            trimmed.trim(messages: .max, bytes: .max, age: self.limits.logAge.milliseconds, now: self.now)
            let isOver = self.now - log.touched >= self.topicLife && log.keepUntil <= self.now
            self.bytes -= isOver ? log.bytes : log.bytes - trimmed.bytes
            self.topics[topic] = isOver ? nil : trimmed
        }
        self.ended.removeOld(at: self.now)
    }
}
