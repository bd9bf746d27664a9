import VolaryProtocol

extension HubFollower {
    /// An event of the hub's link.
    /// - Parameter now: milliseconds since 1970.
    mutating func received(_ event: HubLinkEvent, now: Int64, into output: inout SessionOutput) {
        switch event {
        case .entry(let entry, let epoch):
            guard self.isCurrent(epoch, into: &output) else { return }
            self.see(entry.number)
            self.heard(entry, now: now, into: &output)
        case .mark(let position):
            guard self.isCurrent(position.epoch, into: &output) else { return }
            self.see(position.number)
            self.subscriptions.heard(position.number)
            self.sessions.passed(position.number)
        case .subscribed(let topics):
            self.subscriptions.wereConfirmed(topics)
            let waiting = self.sessions.indices.compactMap { place in
                self.sessions[at: place]?.phase == .subscribing ? self.sessions[at: place]?.id : nil
            }
            for id in waiting.sorted() { self.readIfConfirmed(id, into: &output) }
        case .fenced(let id, let fence):
            guard let own = self.sessions[id]?.fence, own.position < fence.position else { return }
            self.end(id, .fenced, into: &output)
        case .closed(let id, let reason): self.end(id, .closed(reason: reason), into: &output)
        case .lost: self.linkWasLost()
        }
    }

    /// A new link stands: subscribes to everything again. Each session catches up from its cursor.
    mutating func linkWasRestored(into output: inout SessionOutput) {
        let topics = self.subscriptions.linkWasRestored()
        if !topics.isEmpty { output.append(.subscribe(topics)) }
        for id in self.sorted { self.readIfConfirmed(id, into: &output) }
    }

    /// All sessions catch up once the link is back; those that wait for something else do so afterwards.
    mutating func linkWasLost() {
        self.subscriptions.linkWasLost()
        for id in self.sorted {
            _ = self.takeHeld(id)
            self.sessions[id]?.lastOwn = nil
            switch self.sessions[id]?.phase {
            case .attaching: self.sessions[id]?.mustReadAgain = true
            case .following, .reading: self.sessions[id]?.phase = .subscribing
            case .subscribing, .suspended, nil: break
            }
        }
    }

    /// An operation of a session succeeded, now or earlier.
    mutating func answered(_ id: ConnectionID, at position: Position, into output: inout SessionOutput) {
        guard self.rules.enforces(.answersRaiseHighest) else { return }
        guard let lostAbove = self.lostAbove(position.epoch) else {
            self.sessions[id]?.answered(at: position.number)
            return
        }
        // The answer came from a history that has been judged meanwhile.
        if position.number > lostAbove { self.end(id, .unrecoverable(.historyLost), into: &output) }
    }

    /// The client has everything up to `sequence`.
    mutating func acknowledged(_ id: ConnectionID, through sequence: UInt64, into output: inout SessionOutput) {
        if self.sessions[id]?.acknowledge(sequence) == false { self.end(id, .unrecoverable(.acknowledgement), into: &output) }
    }

    /// Checkpoints to be stored: of sessions whose checkpoint has moved, and of those whose turn it is.
    /// - Parameters: of so many calls, the one that is a session's turn. What moved with the hub's number only may be stored late,
    ///   because no topic of the session has an entry that a replay would read. What did not move tells the store that the session's
    ///   topics are still needed.
    mutating func takeCheckpoints(
        turn: Int = 0,
        of turns: Int = 1,
        into output: inout SessionOutput
    ) -> [SessionAcknowledgement] {
        var taken: [SessionAcknowledgement] = []
        for place in self.sessions.places(turn: turn, of: turns) {
            let isDue = place % turns == turn % turns
            guard self.sessions[at: place]?.phase != .suspended, let owned = self.sessions[at: place]?.owned else { continue }
            if let checkpoint = self.sessions[at: place]?.takeCheckpoint() {
                taken.append(SessionAcknowledgement(session: owned, checkpoint: checkpoint))
                if self.sessions[at: place]?.isFollowing == true { self.refreshTopics(of: owned.connection, into: &output) }
            } else if isDue, let checkpoint = self.sessions[at: place]?.stored {
                taken.append(SessionAcknowledgement(session: owned, checkpoint: checkpoint))
            }
        }
        return taken
    }

    /// Ends what has made no progress for two seconds. Called a few times a second.
    mutating func tick(now: Int64, into output: inout SessionOutput) {
        guard !self.stalled.isEmpty || !self.sessions.doAllFollow else { return }
        for id in self.sorted {
            guard let session = self.sessions[id], session.phase != .following else {
                self.stalled[id] = nil
                continue
            }
            if let stall = self.stalled[id], stall.phase == session.phase, stall.cursor == session.cursor {
                if now - stall.since >= SessionLimits.catchUpTimeout.milliseconds { self.end(id, .cut, into: &output) }
            } else {
                self.stalled[id] = Stall(phase: session.phase, cursor: session.cursor, since: now)
            }
        }
    }

    // MARK: - Arrivals

    private mutating func heard(_ entry: LogEntry, now: Int64, into output: inout SessionOutput) {
        let missed = self.lastHeard(before: entry)
        let last = self.rules.enforces(.linkCheck) ? missed : nil
        var members = self.members(of: entry.topic)
        var receivers: [SessionReceiver] = []
        let publication = last == nil ? entry.publicationForAllMembers : nil
        if let publication {
            // The frequent case: without hashing, and without a copy of the entry.
            receivers.reserveCapacity(members.count)
            let rest = self.sessions.count(entry, bytes: publication.bytes, at: members, for: &receivers)
            members = rest.others
            for (place, end) in rest.ended {
                if let id = self.sessions[at: place]?.id { self.end(id, end, into: &output) }
            }
        }
        for place in members {
            if let id = self.sessions[at: place]?.id { self.heard(entry, by: id, since: last, now: now, into: &output) }
        }
        if let publication, !receivers.isEmpty { output.append(.deliver(publication, receivers)) }
    }

    private mutating func heard(
        _ entry: LogEntry,
        by id: ConnectionID,
        since last: UInt64?,
        now: Int64,
        into output: inout SessionOutput
    ) {
        if let last { self.missed(id, since: last, into: &output) }
        switch self.sessions[id]?.phase {
        case .following: self.step([entry], id, isReplay: false, now: now, into: &output)
        case .attaching, .reading: self.hold(entry, id)
        case .subscribing, .suspended, nil: break
        }
    }

    /// The last entry of the topic that was heard, if others between it and this one were not.
    private mutating func lastHeard(before entry: LogEntry) -> UInt64? {
        guard case .connection(let id) = entry.topic else { return self.subscriptions.heard(entry) }
        self.subscriptions.heard(entry.number)
        let last = self.sessions[id]?.lastOwn
        self.sessions[id]?.lastOwn = entry.number
        return last.flatMap { entry.previous > $0 ? $0 : nil }
    }

    /// The link lost an entry in silence. Whoever was sent a later one has wrong numbers, and so has a checkpoint beyond it.
    private mutating func missed(_ id: ConnectionID, since last: UInt64, into output: inout SessionOutput) {
        switch self.sessions[id]?.phase {
        case .following:
            guard self.sessions[id]?.rewind(to: last) == true else {
                return self.end(id, .unrecoverable(.gap), into: &output)
            }
            self.catchUp(id, into: &output)
        case .attaching, .reading: self.sessions[id]?.mustReadAgain = true
        case .subscribing, .suspended, nil: break
        }
    }

    /// Compares what was heard with the store's last numbers of topics, of the time of `position`. What the link has not passed by
    /// now counts at the next comparison.
    mutating func compare(_ numbers: LastNumbers, at position: Position, into output: inout SessionOutput) {
        if let lost = numbers.lost { self.isLost(through: lost, into: &output) }
        guard position.epoch == self.seen?.epoch, self.rules.enforces(.linkCheck) else { return }
        for (topic, number) in numbers.byTopic.sorted(by: { $0.value < $1.value }) {
            guard let last = self.subscriptions.compare(topic, number) else { continue }
            for place in self.members(of: topic) {
                if let id = self.sessions[at: place]?.id { self.missed(id, since: last, into: &output) }
            }
        }
    }

    private mutating func hold(_ entry: LogEntry, _ id: ConnectionID) {
        guard self.rules.enforces(.heldArrivals) else { return }
        let hasRoom = self.heldBytes + entry.bytes <= SessionLimits.heldBytesPerNode
        guard hasRoom, self.sessions[id]?.hold(entry) == true else {
            _ = self.takeHeld(id)
            self.sessions[id]?.mustReadAgain = true
            return
        }
        self.heldBytes += entry.bytes
    }

    /// By id: what happens must not depend on the order in a dictionary.
    var sorted: [ConnectionID] { self.sessions.ids.sorted() }
}
