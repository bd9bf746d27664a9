import VolaryProtocol

extension TopicLogStateMachine {
    /// The log continues in another epoch. Messages buffered from the previous epoch come first, or at their position if the
    /// log still has them.
    /// - Parameter isCounted: whether a possible loss has been counted already.
    mutating func enter(_ head: LogPage.Head, isCounted: Bool, _ reading: inout Reading, _ output: inout Output) {
        // After a fork offsets continue, so entries up to the start have been delivered.
        self.epochStart = head.beginning == .forked ? min(max(head.start, self.epochStart), head.offset) : head.start
        let epoch: UInt64? = if case .at(let position, _) = self.position { position.epoch } else { nil }
        // A node that followed the shorter of two histories has had no sign of the other one until now.
        var isInDoubt = head.beginning == .forked
        // Until the subscription has reached the same point, it may still deliver earlier messages. These would come too late
        // if later messages were read first.
        if !self.isInterrupted, reading.hasOverflowed || !reading.buffer.contains(epoch: head.epoch) { isInDoubt = true }
        // The messages from the subscription are in the log, after those that were published at the new master before the
        // subscription. If they were delivered first, the others would look like duplicates and be dropped.
        if head.beginning == .forked { reading.buffer.move(to: head.epoch, upTo: head.offset) }
        while let first = reading.buffer.first, first.position?.epoch != head.epoch {
            _ = reading.buffer.popFirst()
            // The message is of neither epoch. It may be later than the messages that still have to be read, which then look
            // like duplicates.
            if first.position == nil || first.position?.epoch != epoch { isInDoubt = true }
            self.pass(first.envelope, &output)
        }
        if isInDoubt, !isCounted { output.gaps += 1 }
        self.position = .at(LogPosition(epoch: head.epoch, offset: self.epochStart), nil)
        reading.target = nil
    }

    /// Counts the missing messages up to `offset` as lost, except for buffered ones, which are delivered.
    /// - Parameter logEnd: see ``Output/lose(after:upTo:logEnd:)``.
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
            position = LogPosition(epoch: position.epoch, offset: offset)
            mark = nil
        }
        self.position = .at(position, mark)
    }

    /// Like ``skip(to:logEnd:_:_:)``, when nothing is buffered and the log does not have the messages.
    mutating func skipAll(to offset: UInt64, _ output: inout Output) {
        var reading = Reading()
        self.skip(to: offset, logEnd: nil, &reading, &output)
    }
}
