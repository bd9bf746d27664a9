import NIOCore
import VolaryProtocol

/// The scripts that are executed once.
extension MemoryHub {
    /// - Returns: the answer, with the number of an operation that took one.
    mutating func execute(
        _ operation: SessionOperation,
        as sequence: OperationSequence,
        from caller: SessionCaller
    ) -> (answer: OperationAnswer, number: UInt64?) {
        self.enter(caller.seen)
        if case .answer(let answer) = self.admit(sequence, of: caller.node) {
            return (self.repeated(operation, answer, from: caller.node), nil)
        }
        let result = self.executeNew(operation, from: caller.node)
        if case .refused(let refusal) = result.answer {
            self.operations[caller.node]?.remember(refusal, of: sequence, rules: self.rules)
        }
        return result
    }

    /// A node whose answer to an attach was lost needs its fence.
    private func repeated(_ operation: SessionOperation, _ answer: OperationAnswer, from node: NodeID) -> OperationAnswer {
        guard case .attach(let attachment) = operation, answer == .alreadyExecuted else { return answer }
        guard let record = self.records[attachment.connection] else { return .refused(.gone) }
        return record.status == .attached(node) ? .attached(record.fence) : .refused(.fenced)
    }

    private mutating func executeNew(
        _ operation: SessionOperation,
        from node: NodeID
    ) -> (answer: OperationAnswer, number: UInt64?) {
        if let writer = operation.writer {
            let session = OwnedSession(connection: writer.connection, fence: writer.fence)
            if let refusal = self.refusal(of: session, rule: .fencedWrites) { return (.refused(refusal), nil) }
            if let id = writer.ackID, self.records[writer.connection]?.acknowledged.contains(id) == true {
                return (.duplicate, nil)
            }
        }
        let result =
            switch operation {
            case .attach(let attachment): self.attach(attachment, to: node)
            case .publish(let publication, _): self.publish(publication)
            case .change(let change): self.change(change)
            case .close(let id, let reason): self.close(id, reason: reason)
            }
        if let writer = operation.writer, let id = writer.ackID, result.answer == .executed,
            self.rules.enforces(.rememberedAcknowledgements)
        {
            self.updateRecord(writer.connection) { $0.acknowledged.insert(id) }
        }
        return result
    }

    mutating func publish(_ publication: HubPublication) -> (answer: OperationAnswer, number: UInt64?) {
        let topic = publication.publication.audience
        if case .connection(let id) = topic, self.records[id] == nil { return (.refused(.noReceiver), nil) }
        guard self.makeRoom(for: publication.bytes + SessionLimits.topicOverheadBytes) else { return (.refused(.full), nil) }
        return (.executed, self.append(.publication(publication), to: topic))
    }

    private mutating func change(_ change: SessionChange) -> (answer: OperationAnswer, number: UInt64?) {
        guard let record = self.records[change.connection] else { return (.refused(.gone), nil) }
        switch change.change {
        case .joined(let group):
            guard !record.memberships.isMember(of: group) else { return (.executed, nil) }
            guard record.memberships.hasRoom(for: group) else { return (.refused(.full), nil) }
        case .left(let group):
            guard record.memberships.isMember(of: group) else { return (.executed, nil) }
        case .permissions(let permissions):
            let bytes = permissions.reduce(0) { $0 + $1.utf8.count }
            guard bytes <= SessionLimits.permissionBytes else { return (.refused(.full), nil) }
        case .state(let state):
            guard state.readableBytes <= SessionLimits.stateBytes else { return (.refused(.full), nil) }
        }
        guard self.makeRoom(for: 2 * change.change.bytes) else { return (.refused(.full), nil) }
        let number =
            self.rules.enforces(.controlEntries)
            ? self.append(.control(change.change), to: .connection(change.connection)) : self.nextNumber()
        let rules = self.rules
        self.updateRecord(change.connection) { $0.apply(change.change, at: number, rules: rules) }
        if case .joined(let group) = change.change { self.keep(CollectionOfOne(.group(group))) }
        return (.executed, number)
    }

    private mutating func attach(_ attachment: SessionAttachment, to node: NodeID) -> (answer: OperationAnswer, number: UInt64?) {
        guard self.records[attachment.connection] == nil else { return (.refused(.exists), nil) }
        guard self.records.count < self.limits.sessions, self.makeRoom(for: SessionOperation.attach(attachment).bytes),
            attachment.state.readableBytes <= SessionLimits.stateBytes,
            GroupLimits.maximum.fitting(attachment.groups).count == attachment.groups.count
        else { return (.refused(.full), nil) }
        let number = self.nextNumber()
        let intervals = attachment.groups.map { ($0, [MembershipHistory.Interval(from: number)]) }
        let record = SessionRecord(
            id: attachment.connection,
            user: attachment.user,
            protocol: attachment.protocol,
            tokenHash: attachment.tokenHash,
            window: attachment.window,
            announcesEnd: attachment.announcesEnd,
            status: .attached(node),
            fence: Fence(Position(epoch: self.position.epoch, number: number)),
            epoch: self.position.epoch,
            checkpoint: Checkpoint(number: number, delivered: 0),
            memberships: MembershipHistory(intervals: Dictionary(intervals) { first, _ in first }),
            permissions: attachment.permissions,
            state: attachment.state,
            connectedAt: attachment.connectedAt
        )
        self.records[record.id] = record
        self.bytes += record.bytes
        self.keep(record.topics(after: number).keys)
        return (.attached(record.fence), number)
    }

    private mutating func close(_ id: ConnectionID, reason: String) -> (answer: OperationAnswer, number: UInt64?) {
        guard let record = self.records[id] else { return (.refused(.gone), nil) }
        if case .attached(let node) = record.status { self.pushes.append(.node(node, .closed(id, reason: reason))) }
        self.delete(record, reason: reason)
        return (.executed, self.nextNumber())
    }

    mutating func updateRecord(_ id: ConnectionID, _ update: (inout SessionRecord) -> Void) {
        guard var record = self.records.removeValue(forKey: id) else { return }
        self.bytes -= record.bytes
        update(&record)
        self.bytes += record.bytes
        self.records[id] = record
    }

    /// Deletes the record, its intervals and its own topic.
    mutating func delete(_ record: SessionRecord, reason: String) {
        self.records[record.id] = nil
        self.bytes -= record.bytes
        if let log = self.topics.removeValue(forKey: .connection(record.id)) { self.bytes -= log.bytes }
        guard record.announcesEnd else { return }
        self.ended.add(EndedSession(connection: record.id, user: record.user, state: record.state, reason: reason), at: self.now)
    }
}

extension SessionRecord {
    mutating func apply(_ change: ControlEntry, at number: UInt64, rules: SessionRules) {
        switch change {
        case .joined(let group): self.memberships.join(group, at: number)
        case .left(let group):
            self.memberships.leave(group, at: number)
            if !rules.enforces(.keptIntervals) { self.memberships.forget(group) }
        case .permissions(let permissions): self.permissions = permissions
        case .state(let state): self.state = state
        }
    }
}
