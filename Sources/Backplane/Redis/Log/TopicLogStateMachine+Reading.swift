import VolaryProtocol

extension TopicLogStateMachine {
    /// Handles the answer to ``LogRequest/head`` or ``LogRequest/entries(from:)``.
    mutating func read(_ page: LogPage) -> Output {
        var output = Output()
        guard self.fork.epochToEnd == nil, case .reading(var reading) = self.state else { return output }
        // Keeps one reference to the buffer, so that it is not copied.
        self.state = .unsubscribed
        if self.take(page, &reading, &output) { self.finish(reading, &output) } else { self.state = .reading(reading) }
        return output
    }

    /// - Returns: whether the reading is complete: all missing messages have been read, or are lost.
    private mutating func take(_ page: LogPage, _ reading: inout Reading, _ output: inout Output) -> Bool {
        switch (self.position, page.head) {
        case (.unknown, let head):
            self.began(at: head, last: page.entries.last { $0.offset == head?.offset })
            return true
        case (.none, nil):
            self.noteMissingLog(&output)
            return true
        case (.at, nil):
            if let target = reading.target {
                self.skip(to: target, logEnd: nil, &reading, &output)
            } else {
                self.noteMissingLog(&output)
            }
            return true
        case (.none, let head?):
            let isLost = self.continuity == .unverified || self.continuity == .interrupted && head.beginning != .fresh
            if isLost { output.gaps += 1 }
            self.enter(head, isCounted: isLost, &reading, &output)
        case (.at(let position, let mark), let head?) where position.epoch == head.epoch:
            guard Self.isSameHistory(position, mark, head, page.entries) else {
                self.forked(position.epoch, &output)
                reading.target = nil
                return false
            }
        case (.at, let head?):
            // The unread messages of the old epoch are lost, unless the log continues. The number of later ones is unknown.
            if let target = reading.target, head.beginning != .forked { self.skip(to: target, logEnd: nil, &reading, &output) }
            if self.isInterrupted { output.gaps += 1 }
            self.enter(head, isCounted: self.isInterrupted || self.fork.isCounted, &reading, &output)
            self.fork.isCounted = false
        }
        return page.head.map { self.take(page.entries, of: $0, &reading, &output) } ?? true
    }

    /// The log was read for the first time.
    /// - Parameter last: the last message of the log; nil if the log has removed it.
    private mutating func began(at head: LogPage.Head?, last: LogPage.Entry?) {
        let place = head.map { LogPosition(epoch: $0.epoch, offset: $0.offset, number: $0.number) }
        let mark = last.flatMap { try? Envelope(decoding: $0.bytes) }.map { EntryFingerprint($0) }
        self.position = place.map { .at($0, mark) } ?? .none
        self.initialEnd = place
        self.epochStart = head?.offset ?? 0
    }

    /// A missing log need not mean a loss, because it expires when its topic is idle. If Redis has lost its data, it is unknown
    /// whether messages were lost.
    private func noteMissingLog(_ output: inout Output) {
        if self.continuity == .unverified { output.gaps += 1 }
    }

    /// Whether the log has the same message at the position that was delivered from there. If the log has removed the entry,
    /// this counts as the same.
    private static func isSameHistory(
        _ position: LogPosition,
        _ mark: EntryFingerprint?,
        _ head: LogPage.Head,
        _ entries: [LogPage.Entry]
    ) -> Bool {
        guard head.offset >= position.offset else { return false }
        guard let entry = entries.first, entry.offset == position.offset else { return true }
        if position.number != 0, entry.number != position.number { return false }
        guard let mark else { return true }
        return (try? Envelope(decoding: entry.bytes)).map { EntryFingerprint($0) == mark } ?? false
    }

    private mutating func take(
        _ entries: [LogPage.Entry],
        of head: LogPage.Head,
        _ reading: inout Reading,
        _ output: inout Output
    ) -> Bool {
        self.continuity = .proven
        let target = reading.target ?? head.offset
        reading.target = target
        for entry in entries {
            guard case .at(let position, _) = self.position, entry.offset > position.offset else { continue }
            self.skip(to: entry.offset - 1, logEnd: head.offset, &reading, &output)
            self.take(entry, epoch: position.epoch, &output)
        }
        guard case .at(let position, _) = self.position, position.offset < target else { return true }
        // Without an entry, the remaining messages are lost.
        guard entries.isEmpty else { return false }
        self.skip(to: target, logEnd: head.offset, &reading, &output)
        return true
    }

    private mutating func take(_ entry: LogPage.Entry, epoch: UInt64, _ output: inout Output) {
        let place = LogPosition(epoch: epoch, offset: entry.offset, number: entry.number)
        do throws(EnvelopeError) {
            var envelope = try Envelope(decoding: entry.bytes)
            envelope.position = entry.position
            self.position = .at(place, EntryFingerprint(envelope))
            self.recover(envelope, &output)
        } catch {
            self.position = .at(place, nil)
            output.lose(1)
            output.undecodable += 1
            output.decodingError = error
        }
    }

    /// The reading is complete. The buffered messages follow, unless the buffer was emptied.
    private mutating func finish(_ reading: Reading, _ output: inout Output) {
        guard !reading.hasOverflowed else {
            var reading = reading
            reading.hasOverflowed = false
            reading.target = nil
            self.state = .reading(reading)
            // Like after a lost link, but it is certain that there were messages, which are lost together with the log.
            self.continuity = .unverified
            return
        }
        self.continuity = .proven
        self.state = .following
        var (buffer, gapEnd) = (reading.buffer, reading.gapEnd)
        while let arrival = buffer.popFirst() { self.take(arrival, &gapEnd, &output) }
    }
}
