import VolaryProtocol

extension TopicLogStateMachine {
    /// Redis has answered ``LogRequest/head`` or ``LogRequest/entries(from:)``.
    mutating func read(_ page: LogPage) -> Output {
        var output = Output()
        guard self.fork.epochToEnd == nil, case .reading(var reading) = self.state else { return output }
        // Leaves the buffer with one owner, so that it is not copied.
        self.state = .unsubscribed
        if self.take(page, &reading, &output) { self.finish(reading, &output) } else { self.state = .reading(reading) }
        return output
    }

    /// - Returns: whether everything that was missing has been read, or will never be.
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
            // What of the old epoch was still to be read is gone, unless the log goes on, and of what came after it nobody knows.
            if let target = reading.target, head.beginning != .forked { self.skip(to: target, logEnd: nil, &reading, &output) }
            if self.isInterrupted { output.gaps += 1 }
            self.enter(head, isCounted: self.isInterrupted || self.fork.isCounted, &reading, &output)
            self.fork.isCounted = false
        }
        return page.head.map { self.take(page.entries, of: $0, &reading, &output) } ?? true
    }

    /// The log was read for the first time.
    /// - Parameter last: the message that it ends with; nil when it does not hold it any more.
    private mutating func began(at head: LogPage.Head?, last: LogPage.Entry?) {
        let place = head.map { LogPosition(epoch: $0.epoch, offset: $0.offset) }
        let mark = last.flatMap { try? Envelope(decoding: $0.bytes) }.map { EntryFingerprint($0) }
        self.position = place.map { .at($0, mark) } ?? .none
        self.initialEnd = place
        self.epochStart = head?.offset ?? 0
    }

    /// A log that is not there need not have been lost: it expires when its topic is idle. When Redis itself has lost its data, this is
    /// unknown.
    private func noteMissingLog(_ output: inout Output) {
        if self.continuity == .unverified { output.gaps += 1 }
    }

    /// Whether the log holds, at the position, what was delivered from there. A log that has forgotten the entry counts as the same.
    private static func isSameHistory(
        _ position: LogPosition,
        _ mark: EntryFingerprint?,
        _ head: LogPage.Head,
        _ entries: [LogPage.Entry]
    ) -> Bool {
        guard head.offset >= position.offset else { return false }
        guard let mark, let entry = entries.first, entry.offset == position.offset else { return true }
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
        // Without an entry, the rest is gone.
        guard entries.isEmpty else { return false }
        self.skip(to: target, logEnd: head.offset, &reading, &output)
        return true
    }

    private mutating func take(_ entry: LogPage.Entry, epoch: UInt64, _ output: inout Output) {
        let place = LogPosition(epoch: epoch, offset: entry.offset)
        do throws(EnvelopeError) {
            let envelope = try Envelope(decoding: entry.bytes)
            self.position = .at(place, EntryFingerprint(envelope))
            self.recover(envelope, &output)
        } catch {
            self.position = .at(place, nil)
            output.lose(1)
            output.undecodable += 1
            output.decodingError = error
        }
    }

    /// The reading has brought all that it can: what was buffered follows, unless too much was.
    private mutating func finish(_ reading: Reading, _ output: inout Output) {
        guard !reading.hasOverflowed else {
            var reading = reading
            reading.hasOverflowed = false
            reading.target = nil
            self.state = .reading(reading)
            // As after a lost link, but that there have been messages is certain: a log that is gone has taken them along.
            self.continuity = .unverified
            return
        }
        self.continuity = .proven
        self.state = .following
        var (buffer, gapEnd) = (reading.buffer, reading.gapEnd)
        while let arrival = buffer.popFirst() { self.take(arrival, &gapEnd, &output) }
    }
}
