import VolaryProtocol

/// The sessions that a node owns in one hub, following the hub's order: what they are sent, and what they read to get there.
///
/// Not thread-safe; without clock and I/O. Events of the link go in by ``received(_:now:into:)``; every answer of the store first by
/// ``observed(_:_:into:)``, then by the function for its call.
struct HubFollower {
    let node: NodeID
    let rules: SessionRules
    var sessions = SessionTable()
    var subscriptions = HubSubscriptions()
    /// The highest position observed: on the link and by answers.
    var seen: Position?
    /// Judged epochs, the newest last: what was observed earlier is lost above `base`.
    var judged: [EpochStart] = []
    /// See ``LastNumbers/lost``.
    var lost: Position?
    var departures: [OwnedSession: Departure] = [:]
    private var index: [Audience: PlaceSet] = [:]
    private var indexed: [ConnectionID: Set<Audience>] = [:]
    private var attempts: UInt64 = 0
    var heldBytes = 0
    /// Sessions that do not follow, with what they had done when they were last looked at.
    var stalled: [ConnectionID: Stall] = [:]

    struct Stall: Equatable {
        let phase: SessionFollower.Phase
        let cursor: UInt64
        let since: Int64
    }

    init(node: NodeID, rules: SessionRules = .all) {
        self.node = node
        self.rules = rules
    }

    // MARK: - Sessions come and go

    /// A session is about to be attached. All topics must be confirmed (``isConfirmed(_:)``) before the record is written.
    mutating func attach(
        _ id: ConnectionID,
        client: any SessionClient,
        user: AudienceName?,
        protocol: String = "",
        groups: [AudienceName],
        into output: inout SessionOutput
    ) {
        var session = SessionFollower(attaching: id, client: client, user: user, protocol: `protocol`, rules: self.rules)
        session.pending = Set(groups.map { .group($0) })
        self.sessions[id] = session
        self.refreshTopics(of: id, into: &output)
    }

    func isConfirmed(_ id: ConnectionID) -> Bool {
        self.indexed[id]?.allSatisfy(self.subscriptions.isConfirmed) ?? false
    }

    /// The record was written. If the link was lost or an epoch began meanwhile, the session catches up.
    mutating func attached(
        _ id: ConnectionID,
        _ fence: Fence,
        groups: [AudienceName],
        now: Int64,
        into output: inout SessionOutput
    ) {
        guard var session = self.sessions[id], session.phase == .attaching else { return }
        session.attached(fence, groups: groups)
        session.pending = []
        let isHeard = session.topics.allSatisfy { self.subscriptions.covers($0, above: fence.position.number) }
        let isJudged = fence.position.epoch == self.seen?.epoch
        session.phase = !isJudged ? .suspended : isHeard && !session.mustReadAgain ? .following : .subscribing
        self.sessions[id] = session
        if !isJudged { return self.judge(id, since: fence.position.epoch, into: &output) }
        let held = self.takeHeld(id)
        guard session.phase == .following else { return self.catchUp(id, into: &output) }
        self.step(held, id, isReplay: false, now: now, into: &output)
    }

    mutating func claimed(_ record: SessionRecord, client: any SessionClient, into output: inout SessionOutput) {
        self.forget(record.id, into: &output)
        let session = SessionFollower(claimed: record, client: client, rules: self.rules)
        self.sessions[record.id] = session
        if let lost, session.mayLack(lost) { return self.end(record.id, .unrecoverable(.historyLost), into: &output) }
        if record.fence.position.epoch == self.seen?.epoch || !self.rules.enforces(.fenceByPosition) {
            self.catchUp(record.id, into: &output)
        } else {
            self.judge(record.id, since: record.fence.position.epoch, into: &output)
        }
    }

    /// Stops following.
    mutating func forget(_ id: ConnectionID, into output: inout SessionOutput) {
        guard self.sessions[id] != nil else { return }
        _ = self.takeHeld(id)
        self.setTopics([], of: id, into: &output)
        self.indexed[id] = nil
        self.sessions[id] = nil
        self.stalled[id] = nil
    }

    mutating func end(_ id: ConnectionID, _ end: SessionEnd, into output: inout SessionOutput) {
        guard let session = self.sessions[id] else { return }
        if end == .cut { self.depart(id) }
        output.append(.end(id, session.fence, end))
        self.forget(id, into: &output)
    }

    // MARK: - Topics

    /// Subscribes for a join to come. - Returns: whether the subscription is confirmed, so that the join may be written.
    mutating func prepareJoin(_ group: AudienceName, of id: ConnectionID, into output: inout SessionOutput) -> Bool {
        guard self.rules.enforces(.subscribeBeforeJoin) else { return true }
        guard self.sessions[id] != nil else { return false }
        self.sessions[id]?.pending.insert(.group(group))
        self.refreshTopics(of: id, into: &output)
        return self.subscriptions.isConfirmed(.group(group))
    }

    mutating func refreshTopics(of id: ConnectionID, into output: inout SessionOutput) {
        guard let session = self.sessions[id] else { return }
        self.setTopics(session.topics, of: id, into: &output)
    }

    private mutating func setTopics(_ topics: Set<Audience>, of id: ConnectionID, into output: inout SessionOutput) {
        let before = self.indexed[id] ?? []
        guard topics != before, let place = self.sessions.place(of: id) else { return }
        self.indexed[id] = topics
        for topic in topics.subtracting(before) { self.index[topic, default: PlaceSet()].insert(place) }
        let released = before.subtracting(topics).filter { topic in
            self.index[topic]?.remove(place)
            guard self.index[topic]?.isEmpty == true else { return false }
            self.index[topic] = nil
            return self.subscriptions.release(topic)
        }
        if !released.isEmpty { output.append(.unsubscribe(released.inOrder())) }
        let wanted = self.subscriptions.want(topics)
        if !wanted.isEmpty { output.append(.subscribe(wanted)) }
    }

    /// The places of the sessions that hear a topic.
    func members(of topic: Audience) -> ContiguousArray<Int> {
        if case .connection(let id) = topic { return self.sessions.place(of: id).map { [$0] } ?? [] }
        return self.index[topic]?.places ?? []
    }

    // MARK: - Catching up

    /// Subscribes to what is missing, then reads from the cursor.
    mutating func catchUp(_ id: ConnectionID, into output: inout SessionOutput) {
        guard self.sessions[id] != nil else { return }
        _ = self.takeHeld(id)
        self.sessions[id]?.phase = .subscribing
        self.sessions[id]?.mustReadAgain = false
        self.refreshTopics(of: id, into: &output)
        self.readIfConfirmed(id, into: &output)
    }

    mutating func readIfConfirmed(_ id: ConnectionID, into output: inout SessionOutput) {
        guard let session = self.sessions[id], session.phase == .subscribing, let owned = session.owned,
            let topics = self.indexed[id], self.subscriptions.isLinked,
            !self.rules.enforces(.endAfterConfirmation) || topics.allSatisfy(self.subscriptions.isConfirmed)
        else { return }
        self.attempts += 1
        self.sessions[id]?.phase = .reading(attempt: self.attempts)
        let read = SessionRead(session: owned, after: session.cursor, topics: topics.union([.connection(id)]))
        output.append(.read(read, attempt: self.attempts))
    }

    /// - Parameter answer: to the read with this attempt; an answer to an earlier one is ignored.
    mutating func read(
        _ answer: SessionReadAnswer,
        of id: ConnectionID,
        attempt: UInt64,
        now: Int64,
        into output: inout SessionOutput
    ) {
        guard self.sessions[id]?.phase == .reading(attempt: attempt) else { return }
        switch answer {
        case .topics(let topics):
            self.sessions[id]?.pending.formUnion(topics.subtracting([.connection(id)]))
            self.catchUp(id, into: &output)
        case .refused(let refusal): self.refused(refusal, id, into: &output)
        case .page(let page, let memberships):
            self.sessions[id]?.replaceMemberships(memberships)
            self.sessions[id]?.pending = []
            self.step(page.entries, id, isReplay: true, now: now, into: &output)
            self.sessions[id]?.passed(page.through)
            guard let session = self.sessions[id], session.phase == .reading(attempt: attempt) else { return }
            guard page.isLast, !session.mustReadAgain else { return self.catchUp(id, into: &output) }
            self.sessions[id]?.phase = .following
            self.refreshTopics(of: id, into: &output)
            self.step(self.takeHeld(id), id, isReplay: false, now: now, into: &output)
            if self.sessions[id]?.hasPlausibleAcknowledgement == false {
                self.end(id, .unrecoverable(.acknowledgement), into: &output)
            }
        }
    }

    /// A script about the session was refused.
    mutating func refused(_ refusal: SessionRefusal, _ id: ConnectionID, into output: inout SessionOutput) {
        switch refusal {
        case .fenced: self.end(id, .fenced, into: &output)
        case .gone: self.end(id, .unrecoverable(.gone), into: &output)
        case .trimmed: self.end(id, .unrecoverable(.trimmed), into: &output)
        // The answer's position has begun the judgement.
        case .unverified: break
        case .noReceiver, .full, .exists: break
        }
    }

    /// Looks at entries, as long as nothing makes the session catch up.
    mutating func step(
        _ entries: [LogEntry],
        _ id: ConnectionID,
        isReplay: Bool,
        now: Int64,
        into output: inout SessionOutput
    ) {
        for entry in entries {
            let step = self.sessions[id]?.step(
                entry,
                subscriptions: self.subscriptions,
                isReplay: isReplay,
                now: now,
                into: &output
            )
            switch step {
            case nil: return
            case .done:
                if case .control = entry.content, !isReplay { self.refreshTopics(of: id, into: &output) }
            case .catchUp: return self.catchUp(id, into: &output)
            case .end(let end): return self.end(id, end, into: &output)
            }
        }
    }

    mutating func takeHeld(_ id: ConnectionID) -> [LogEntry] {
        self.heldBytes -= self.sessions[id]?.heldBytes ?? 0
        return self.sessions[id]?.takeHeld() ?? []
    }
}
