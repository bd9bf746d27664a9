import VolaryProtocol

/// What becomes of sessions when the store has another history.
extension HubFollower {
    /// The position of an answer, before the answer itself. When it begins an epoch, the link is to be opened again.
    /// - Parameter loss: nil while the epoch is the one with which the call was made.
    mutating func observed(_ position: Position, _ loss: EpochLoss?, into output: inout SessionOutput) {
        guard let seen = self.seen else {
            self.seen = position
            return
        }
        if position.epoch == seen.epoch { return self.see(position.number) }
        // An answer of a history that is over tells nothing, nor does one to a call that was made with another epoch.
        guard position.epoch > seen.epoch, let loss else { return }
        self.judged.append(EpochStart(epoch: position.epoch, base: loss.above))
        self.judged.removeFirst(max(self.judged.count - HubFollower.judgedEpochs, 0))
        self.seen = position
        if let lost = loss.lost { self.lost = max(self.lost ?? lost, lost) }
        self.linkWasLost()
        self.judgeAll(loss.above, into: &output)
    }

    /// The store has lost what some node has observed, up to this position. Ends the sessions that may have missed it: their node had no
    /// link when it was published, or they had no node.
    mutating func isLost(through position: Position, into output: inout SessionOutput) {
        self.lost = max(self.lost ?? position, position)
        for id in self.sorted where self.sessions[id]?.mayLack(position) == true {
            self.end(id, .unrecoverable(.historyLost), into: &output)
        }
    }

    private static let judgedEpochs = 16

    private mutating func judgeAll(_ lostAbove: UInt64, into output: inout SessionOutput) {
        var vouched: [OwnedSession] = []
        for id in self.sorted {
            // Whoever is being attached is judged when the answer comes.
            guard let owned = self.sessions[id]?.owned else { continue }
            if self.suspend(id, lostAbove: lostAbove, into: &output) { vouched.append(owned) }
        }
        self.vouch(for: vouched, into: &output)
    }

    /// A session of an earlier epoch, which became known after the present one was judged.
    mutating func judge(_ id: ConnectionID, since epoch: UInt64, into output: inout SessionOutput) {
        guard let owned = self.sessions[id]?.owned else { return }
        guard self.suspend(id, lostAbove: self.lostAbove(epoch), into: &output) else { return }
        self.vouch(for: [owned], into: &output)
    }

    /// - Parameter lostAbove: nil if nothing is known of the epoch.
    /// - Returns: false for a session that cannot go on, which has ended.
    private mutating func suspend(
        _ id: ConnectionID,
        lostAbove: UInt64?,
        into output: inout SessionOutput
    ) -> Bool {
        self.sessions[id]?.goesOn(at: self.seen?.number ?? 0)
        guard let session = self.sessions[id], let lostAbove, session.highest <= lostAbove,
            self.lost.map({ !session.mayLack($0) }) ?? true
        else {
            self.end(id, .unrecoverable(.historyLost), into: &output)
            return false
        }
        self.sessions[id]?.phase = .suspended
        return true
    }

    private func vouch(for sessions: [OwnedSession], into output: inout SessionOutput) {
        guard let epoch = self.seen?.epoch else { return }
        for start in stride(from: 0, to: sessions.count, by: SessionLimits.sessionsPerCall) {
            let part = sessions[start..<min(start + SessionLimits.sessionsPerCall, sessions.count)]
            output.append(.vouch(Array(part), epoch: epoch))
        }
    }

    /// The answer to ``SessionAction/vouch(_:epoch:)``.
    mutating func vouched(
        _ answers: [SessionAnswer],
        for sessions: [OwnedSession],
        epoch: UInt64,
        into output: inout SessionOutput
    ) {
        guard epoch == self.seen?.epoch else { return }
        for (answer, session) in zip(answers, sessions) {
            guard let follower = self.sessions[session.connection], follower.fence == session.fence, follower.phase == .suspended
            else { continue }
            switch answer {
            case .done: self.catchUp(session.connection, into: &output)
            case .refused(let refusal): self.refused(refusal, session.connection, into: &output)
            }
        }
    }

    /// The lowest number above which an earlier epoch is lost; nil for the present one.
    func lostAbove(_ epoch: UInt64) -> UInt64? {
        guard let seen = self.seen, epoch < seen.epoch else { return nil }
        return self.judged.lazy.filter { $0.epoch > epoch }.map(\.base).min() ?? 0
    }

    /// Whether an event is of the epoch that the sessions are in.
    func isCurrent(_ epoch: UInt64, into output: inout SessionOutput) -> Bool {
        guard let seen = self.seen else { return true }
        if epoch > seen.epoch { output.append(.observe) }
        return epoch == seen.epoch
    }

    mutating func see(_ number: UInt64) {
        guard let seen = self.seen, number > seen.number else { return }
        self.seen = Position(epoch: seen.epoch, number: number)
    }
}
