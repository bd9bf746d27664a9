import DequeModule
import VolaryProtocol

extension MemoryHub {
    func find(_ selection: SessionSelection, after: ConnectionID?) -> FoundSessions {
        let ids = self.records.keys.filter { id in after.map { $0 < id } ?? true }.sorted()
        let section = ids.prefix(SessionLimits.sessionsPerSearch)
        let selected = section.compactMap { self.records[$0] }.filter(selection.selects)
        let sessions = selected.map { record in
            let owner: NodeID? = if case .attached(let node) = record.status { node } else { nil }
            return FoundSession(id: record.id, fence: record.fence, owner: owner)
        }
        return FoundSessions(sessions: sessions, next: section.count < ids.count ? section.last : nil)
    }

    mutating func read(_ read: SessionRead, from caller: SessionCaller) -> SessionReadAnswer {
        self.enter(caller.seen)
        if let refusal = self.refusal(of: read.session, rule: .fencedWrites) { return .refused(refusal) }
        guard let record = self.records[read.session.connection] else { return .refused(.gone) }
        let needed = record.topics(after: read.after)
        guard needed.keys.allSatisfy(read.topics.contains) else { return .topics(Set(needed.keys)) }
        guard !self.rules.enforces(.startMarks) || !self.isTrimmed(needed, after: read.after) else { return .refused(.trimmed) }
        return .page(self.page(of: needed.keys, after: read.after), record.memberships)
    }

    /// Whether an entry that is needed may be gone.
    /// - Parameter topics: each with the number above which it needs every entry.
    func isTrimmed(_ topics: [Audience: UInt64], after number: UInt64) -> Bool {
        topics.contains { topic, needed in
            // Below the end of its own topic a session has acknowledged everything.
            self.start(of: topic) > max(needed, number)
        }
    }

    /// Merges the topics by number, up to the page's limits.
    private func page(of topics: some Sequence<Audience>, after number: UInt64) -> HubPage {
        var cursors = topics.compactMap { topic -> (log: MemoryTopicLog, index: Int)? in
            guard let log = self.topics[topic] else { return nil }
            return (log, log.index(after: number))
        }
        var entries: [LogEntry] = []
        var bytes = 0
        while true {
            var next: (cursor: Int, entry: LogEntry)?
            for (index, cursor) in cursors.enumerated() where cursor.index < cursor.log.entries.count {
                let entry = cursor.log.entries[cursor.index]
                if next.map({ entry.number < $0.entry.number }) ?? true { next = (index, entry) }
            }
            guard let next else { break }
            bytes += next.entry.bytes
            if entries.count == SessionLimits.pageEntries || !entries.isEmpty && bytes > SessionLimits.pageBytes {
                return self.inOrder(HubPage(entries: entries, through: entries.last?.number ?? number, isLast: false))
            }
            entries.append(next.entry)
            cursors[next.cursor].index += 1
        }
        return self.inOrder(HubPage(entries: entries, through: self.position.number, isLast: true))
    }

    /// Without its rule, one topic after the other.
    private func inOrder(_ page: HubPage) -> HubPage {
        guard !self.rules.enforces(.mergedPages) else { return page }
        let topics = Dictionary(grouping: page.entries, by: \.topic).values.sorted { $0[0].number > $1[0].number }
        return HubPage(entries: topics.flatMap(\.self), through: page.through, isLast: page.isLast)
    }

    mutating func acknowledge(_ acknowledgements: [SessionAcknowledgement], from caller: SessionCaller) -> [SessionAnswer] {
        self.enter(caller.seen)
        return acknowledgements.map { acknowledgement in
            let id = acknowledgement.session.connection
            if let refusal = self.refusal(of: acknowledgement.session, rule: .fencedAcknowledgement) { return .refused(refusal) }
            guard let record = self.records[id] else { return .refused(.gone) }
            let number = max(acknowledgement.checkpoint.number, record.checkpoint.number)
            if number > record.checkpoint.number { self.store(acknowledgement.checkpoint, of: id) }
            self.keep(record.topics(after: number).keys)
            return .done
        }
    }

    private mutating func store(_ checkpoint: Checkpoint, of id: ConnectionID) {
        self.updateRecord(id) {
            $0.checkpoint = checkpoint
            $0.memberships.prune(through: checkpoint.number)
        }
        guard var own = self.topics.removeValue(forKey: .connection(id)) else { return }
        self.bytes -= own.bytes
        own.remove(through: checkpoint.number)
        self.bytes += own.bytes
        self.topics[.connection(id)] = own
    }

    mutating func lastNumbers(of topics: [Audience], from caller: SessionCaller) -> LastNumbers {
        self.enter(caller.seen)
        let numbers = topics.compactMap { topic in self.topics[topic].flatMap { $0.last > 0 ? (topic, $0.last) : nil } }
        return LastNumbers(byTopic: Dictionary(numbers) { first, _ in first }, lost: self.head?.lost)
    }

    mutating func mark(from caller: SessionCaller) {
        self.enter(caller.seen)
        self.pushes.append(.node(caller.node, .mark(self.position)))
    }
}
