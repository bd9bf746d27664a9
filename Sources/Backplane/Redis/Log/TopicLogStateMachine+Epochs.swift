import VolaryProtocol

extension TopicLogStateMachine {
    /// The log goes on in another epoch. What was held back of the one before comes first, or in its place where the log still has it.
    /// - Parameter isCounted: whether it has been counted that something may be missing.
    mutating func enter(_ head: LogPage.Head, isCounted: Bool, _ output: inout Output) {
        // Its offsets go on: what was old is still old.
        self.firstNews = head.beginning == .forked ? min(max(head.start, self.firstNews), head.offset) : head.start
        let epoch: UInt64? = if case .at(let position, _) = self.position { position.epoch } else { nil }
        // Whoever followed the shorter of two histories has seen no sign of the other until now.
        var isInDoubt = head.beginning == .forked
        // Until the subscription has come so far too, it may still bring what belongs before: too late, if others are read first.
        if !self.isInterrupted, self.heldWereForgotten || !self.held.contains(epoch: head.epoch) { isInDoubt = true }
        // What the subscription has brought is in the log, behind what was published at the new master before the subscription was there.
        // Handed on first, it would make that seem old, and nobody would get it.
        if head.beginning == .forked { self.held.move(to: head.epoch, upTo: head.offset) }
        while let first = self.held.first, first.position?.epoch != head.epoch {
            _ = self.held.popFirst()
            // Of neither epoch: it may have come after what is still to be read, and then others are passed over.
            if first.position == nil || first.position?.epoch != epoch { isInDoubt = true }
            self.pass(first.envelope, &output)
        }
        if isInDoubt, !isCounted { output.gaps += 1 }
        self.position = .at(LogPosition(epoch: head.epoch, offset: self.firstNews), nil)
        self.target = nil
    }

    /// The log has two histories; the second is read once its epoch has another name.
    mutating func forked(_ epoch: UInt64, _ output: inout Output) {
        output.gaps += 1
        self.forkWasCounted = true
        self.forkedEpoch = epoch
        self.isInterrupted = false
        self.target = nil
    }

    /// Redis has answered ``LogRequest/endEpoch(_:)``.
    mutating func epochWasEnded() {
        self.forkedEpoch = nil
    }
}
