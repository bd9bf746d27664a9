import VolaryProtocol

extension TopicLogStateMachine {
    /// The log goes on in another epoch. What was buffered of the one before comes first, or at its position where the log still has it.
    /// - Parameter isCounted: whether it has been counted that something may be missing.
    mutating func enter(_ head: LogPage.Head, isCounted: Bool, _ reading: inout Reading, _ output: inout Output) {
        // After a fork offsets continue: entries up to the start were delivered already.
        self.epochStart = head.beginning == .forked ? min(max(head.start, self.epochStart), head.offset) : head.start
        let epoch: UInt64? = if case .at(let position, _) = self.position { position.epoch } else { nil }
        // A node that followed the shorter of two histories has had no sign of the other until now.
        var isInDoubt = head.beginning == .forked
        // Until the subscription has come so far too, it may still bring what belongs before: too late, if later messages are read first.
        if !self.isInterrupted, reading.hasOverflowed || !reading.buffer.contains(epoch: head.epoch) { isInDoubt = true }
        // What the subscription has brought is in the log, behind what was published at the new master before the subscription was there.
        // Delivered first, it would make that look like duplicates, which nobody would get.
        if head.beginning == .forked { reading.buffer.move(to: head.epoch, upTo: head.offset) }
        while let first = reading.buffer.first, first.position?.epoch != head.epoch {
            _ = reading.buffer.popFirst()
            // Of neither epoch: it may be later than what is still to be read, which then looks like a duplicate.
            if first.position == nil || first.position?.epoch != epoch { isInDoubt = true }
            self.pass(first.envelope, &output)
        }
        if isInDoubt, !isCounted { output.gaps += 1 }
        self.position = .at(LogPosition(epoch: head.epoch, offset: self.epochStart), nil)
        reading.target = nil
    }

    /// Gives up what is missing up to `offset`, except what has been buffered of it.
    /// - Parameter logEnd: as ``Output/lose(after:upTo:logEnd:)`` takes it.
    mutating func skip(to offset: UInt64, logEnd: UInt64?, _ reading: inout Reading, _ output: inout Output) {
        guard case .at(var position, var mark) = self.position, position.offset < offset else { return }
        self.skippedTo = LogPosition(epoch: position.epoch, offset: offset)
        while let place = reading.buffer.first?.position, place.epoch == position.epoch, place.offset <= offset {
            guard let arrival = reading.buffer.popFirst(), place.offset > position.offset else { continue }
            output.lose(after: position.offset, upTo: place.offset - 1, logEnd: logEnd)
            position = place
            mark = arrival.envelope.map { EntryFingerprint($0) }
            self.pass(arrival.envelope, &output)
        }
        if position.offset < offset {
            output.lose(after: position.offset, upTo: offset, logEnd: logEnd)
            position.offset = offset
            mark = nil
        }
        self.position = .at(position, mark)
    }

    /// As ``skip(to:logEnd:_:_:)`` where nothing is buffered and the log has been read in vain.
    mutating func skipAll(to offset: UInt64, _ output: inout Output) {
        var reading = Reading()
        self.skip(to: offset, logEnd: nil, &reading, &output)
    }
}
