import VolaryProtocol

extension TopicLogStateMachine {
    /// Redis has answered ``LogRequest/head`` or ``LogRequest/entries(from:)``.
    mutating func read(_ page: LogPage, into output: inout Output) {
        guard self.isReading else { return }
        switch (self.position, page.head) {
        case (.unknown, let head):
            self.began(at: head, last: page.entries.last { $0.offset == head?.offset }, &output)
        case (.none, nil):
            self.noteDoubt(&output)
            self.caughtUp(&output)
        case (.at, nil):
            if let target { self.skip(to: target, &output) } else { self.noteDoubt(&output) }
            self.caughtUp(&output)
        case (.none, let head?):
            let isLost = self.isInterrupted && (self.storeIsInDoubt || head.beginning != .fresh)
            if isLost { output.gaps += 1 }
            self.enter(head, isCounted: isLost, &output)
            self.take(page.entries, of: head, &output)
        case (.at(let position, let mark), let head?) where position.epoch == head.epoch:
            guard Self.isSameHistory(position, mark, head, page.entries) else { return self.forked(position.epoch, &output) }
            self.take(page.entries, of: head, &output)
        case (.at, let head?):
            // What of the old epoch was still to be read is gone, unless the log goes on, and of what came after it nobody knows.
            if let target, head.beginning != .forked { self.skip(to: target, &output) }
            if self.isInterrupted { output.gaps += 1 }
            self.enter(head, isCounted: self.isInterrupted || self.forkWasCounted, &output)
            self.forkWasCounted = false
            self.take(page.entries, of: head, &output)
        }
    }

    private var isReading: Bool {
        switch self.request {
        case .head, .entries: true
        case .endEpoch, nil: false
        }
    }

    /// A log that is not there need not have been lost: it expires when its topic is idle. When Redis itself has lost its data, nobody
    /// can tell.
    private mutating func noteDoubt(_ output: inout Output) {
        if self.isInterrupted, self.storeIsInDoubt { output.gaps += 1 }
        self.storeIsInDoubt = false
    }

    /// Whether the log holds, at the position, what was seen there. Where it has forgotten the entry, nothing speaks against it.
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

    private mutating func take(_ entries: [LogPage.Entry], of head: LogPage.Head, _ output: inout Output) {
        self.isInterrupted = false
        let target = self.target ?? head.offset
        self.target = target
        for entry in entries {
            guard case .at(let position, _) = self.position, entry.offset > position.offset else { continue }
            self.skip(to: entry.offset - 1, &output)
            self.take(entry, epoch: position.epoch, &output)
        }
        guard case .at(let position, _) = self.position else { return }
        if position.offset < target {
            // Without an entry, the rest is gone.
            guard entries.isEmpty else { return }
            self.skip(to: target, &output)
        }
        self.caughtUp(&output)
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
}
