import VolaryProtocol

/// The scripts by which sessions change hands and end.
extension MemoryHub {
    mutating func claim(_ id: ConnectionID, tokenHash: [UInt8], from caller: SessionCaller) -> ClaimAnswer {
        self.enter(caller.seen)
        guard var record = self.records[id], Self.areEqual(record.tokenHash, tokenHash) else { return .never(.gone) }
        guard record.epoch == self.position.epoch else {
            let mayBeVouched = self.now < (self.head?.since ?? 0) + SessionLimits.vouchTime.milliseconds
            return mayBeVouched ? .later : .never(.unverified)
        }
        let topics = record.topics(after: record.checkpoint.number)
        guard !self.isTrimmed(topics, after: record.checkpoint.number) else { return .never(.trimmed) }
        let former = record
        record.fence = self.newFence(after: record.fence)
        record.status = .attached(caller.node)
        self.updateRecord(id) { $0 = record }
        if case .attached(let node) = former.status { self.pushes.append(.node(node, .fenced(id, by: record.fence))) }
        self.keep(topics.keys)
        return .claimed(record)
    }

    mutating func detach(_ session: OwnedSession, from caller: SessionCaller) -> SessionAnswer {
        self.enter(caller.seen)
        if let refusal = self.refusal(of: session, rule: .fencedDetach) { return .refused(refusal) }
        _ = self.nextNumber()
        self.setDetached(session.connection)
        return .done
    }

    mutating func vouch(for sessions: [OwnedSession], in epoch: UInt64, from caller: SessionCaller) -> [SessionAnswer] {
        self.enter(caller.seen)
        return sessions.map { session in
            guard epoch == self.position.epoch else { return .refused(.unverified) }
            guard let record = self.records[session.connection] else { return .refused(.gone) }
            guard record.fence == session.fence else { return .refused(.fenced) }
            self.updateRecord(session.connection) { $0.epoch = epoch }
            return .done
        }
    }

    mutating func take(_ session: OwnedSession, from caller: SessionCaller) -> SessionAnswer {
        if self.rules.enforces(.enterFirst) { self.enter(caller.seen) }
        guard let record = self.records[session.connection] else { return .refused(.gone) }
        if self.rules.enforces(.comparedSweep) {
            guard record.fence == session.fence, case .attached = record.status else { return .refused(.fenced) }
        }
        let fence = self.newFence(after: record.fence)
        self.updateRecord(session.connection) { $0.fence = fence }
        self.setDetached(session.connection)
        return .done
    }

    mutating func remove(_ removals: [SessionRemoval], from caller: SessionCaller) -> [SessionAnswer] {
        self.enter(caller.seen)
        return removals.map { self.remove($0.session, reason: $0.reason) }
    }

    private mutating func remove(_ session: OwnedSession, reason: String) -> SessionAnswer {
        guard let record = self.records[session.connection] else { return .refused(.gone) }
        if self.rules.enforces(.fencedDetach), record.fence != session.fence { return .refused(.fenced) }
        self.delete(record, reason: reason)
        _ = self.nextNumber()
        return .done
    }

    mutating func expire(_ id: ConnectionID, from caller: SessionCaller) -> SessionAnswer {
        if self.rules.enforces(.enterFirst) { self.enter(caller.seen) }
        guard let record = self.records[id] else { return .refused(.gone) }
        if self.rules.enforces(.comparedSweep) {
            guard case .detached(let until) = record.status, until <= self.now else { return .refused(.fenced) }
        }
        self.delete(record, reason: SessionRecord.expiryReason)
        _ = self.nextNumber()
        return .done
    }

    /// Detached sessions whose window is over.
    func expired(limit: Int) -> [ConnectionID] {
        let ids = self.records.values.lazy.filter { record in
            if case .detached(let until) = record.status { until <= self.now } else { false }
        }
        return Array(ids.map(\.id).sorted().prefix(limit))
    }

    private mutating func setDetached(_ id: ConnectionID) {
        let now = self.now
        self.updateRecord(id) { $0.status = .detached(until: now + $0.window.milliseconds) }
        guard let record = self.records[id] else { return }
        self.keep(record.topics(after: record.checkpoint.number).keys)
    }

    private mutating func newFence(after former: Fence) -> Fence {
        let number = self.nextNumber()
        guard self.rules.enforces(.fenceByPosition) else {
            return Fence(Position(epoch: 0, number: former.position.number + 1))
        }
        return Fence(Position(epoch: self.position.epoch, number: number))
    }

    /// In a time that does not depend on how much is equal.
    private static func areEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        left.count == right.count && zip(left, right).reduce(0) { $0 | $1.0 ^ $1.1 } == 0
    }
}
