import VolaryProtocol

extension TopicLogStateMachine {
    /// Handles a message from the subscription.
    mutating func received(_ arrival: LogArrival) -> Answer {
        if case .unsubscribed = self.state { return .nothing }
        var arrival = arrival
        if let place = arrival.position {
            if let lastArrival, lastArrival.epoch == place.epoch, place.offset <= lastArrival.offset { arrival.isRewound = true }
            self.lastArrival = place
        }
        if let envelope = arrival.envelope, self.isNext(arrival) {
            if let place = arrival.position { self.advance(to: place, envelope) }
            return self.filter.admits(envelope.sequence, from: envelope.origin) ? .deliver(envelope) : .nothing
        }
        var output = Output()
        var gapEnd: LogPosition?
        self.take(arrival, &gapEnd, &output)
        return output.isEmpty ? .nothing : .output(output)
    }

    /// Whether the message directly follows the current position, or has none.
    private func isNext(_ arrival: LogArrival) -> Bool {
        guard case .following = self.state else { return false }
        guard let place = arrival.position else { return true }
        guard case .at(let position, _) = self.position else { return false }
        return place.epoch == position.epoch && place.offset == position.offset + 1 && Self.links(arrival, to: position)
    }

    /// Whether the message before the arrival is the one at `position`, as far as their numbers are known. Of two histories with the
    /// same offsets, each has other numbers.
    private static func links(_ arrival: LogArrival, to position: LogPosition) -> Bool {
        position.number == 0 || arrival.position?.number == 0 || arrival.previous == position.number
    }

    /// - Parameter gapEnd: the arrival for whose gap the log has just been read. Set to nil when it is handled.
    mutating func take(_ arrival: LogArrival, _ gapEnd: inout LogPosition?, _ output: inout Output) {
        switch self.state {
        case .unsubscribed: break
        case .reading: self.hold(arrival, &output)
        case .following: self.follow(arrival, &gapEnd, &output)
        }
    }

    private mutating func hold(_ arrival: LogArrival, _ output: inout Output) {
        guard case .reading(var reading) = self.state else { return }
        // Keeps one reference to the buffer, so that it is not copied.
        self.state = .following
        reading.buffer.append(arrival)
        let isOver = reading.buffer.count > self.limits.heldMessages || reading.buffer.bytes > self.limits.heldBytes
        self.state = .reading(reading)
        if isOver { output.lose(UInt64(self.forgetHeld())) }
    }

    /// Empties the buffer because it exceeds a limit. Its logged messages will be read from the log again.
    /// - Returns: the number of messages that are lost because no log has them.
    mutating func forgetHeld() -> Int {
        guard case .reading(var reading) = self.state, reading.buffer.count > 0 else { return 0 }
        let lost = reading.buffer.unlogged
        reading.buffer = ReorderBuffer()
        reading.hasOverflowed = true
        self.state = .reading(reading)
        return lost
    }

    private mutating func follow(_ arrival: LogArrival, _ gapEnd: inout LogPosition?, _ output: inout Output) {
        guard let place = arrival.position else {
            self.pass(arrival.envelope, &output)
            return
        }
        let closesGap = gapEnd == place
        if case .at(let position, _) = self.position, position.epoch == place.epoch {
            if place.offset <= position.offset { return self.tookOldOffset(arrival, at: place, &output) }
            guard closesGap || place.offset == position.offset + 1 else {
                return self.read(to: place.offset - 1, before: arrival, &output)
            }
            if place.offset > position.offset + 1 {
                self.skipAll(to: place.offset - 1, &output)
            } else if !closesGap, !Self.links(arrival, to: position) {
                // The log is checked as after a lost link.
                self.continuity = .interrupted
                return self.read(to: nil, before: arrival, &output)
            }
        } else if place.offset == 1 {
            self.epochStart = 0
        } else if closesGap {
            // The message belongs to an epoch that has ended according to the log.
            output.gaps += 1
            gapEnd = nil
            self.pass(arrival.envelope, &output)
            return
        } else {
            return self.read(to: nil, before: arrival, &output)
        }
        gapEnd = nil
        self.advance(to: place, arrival.envelope)
        self.pass(arrival.envelope, &output)
    }

    private mutating func advance(to place: LogPosition, _ envelope: Envelope?) {
        self.position = .at(place, envelope.map { EntryFingerprint($0) })
        self.initialEnd = nil
    }

    /// Handles an offset that is not above the position, in most cases a message that has been read from the log.
    private mutating func tookOldOffset(_ arrival: LogArrival, at place: LogPosition, _ output: inout Output) {
        let isInitial = self.initialEnd.map { $0.epoch == place.epoch && place.offset <= $0.offset } ?? false
        guard let envelope = arrival.envelope else {
            // Messages that were read from the log have been counted.
            if arrival.isRewound || isInitial { output.lose(1) }
            return
        }
        let count = output.envelopes.count
        self.pass(envelope, &output)
        guard output.envelopes.count > count else { return }
        if !arrival.isRewound {
            if isInitial { return }
            if let skippedTo, skippedTo.epoch == place.epoch, place.offset <= skippedTo.offset {
                output.envelopes.removeLast()
                return
            }
        }
        // A new message at the offset of another one: the log was rewound.
        self.position = .at(place, EntryFingerprint(envelope))
        self.forked(place.epoch, &output)
    }

    /// - Parameter target: nil when the number of missing messages is to be taken from the log.
    private mutating func read(to target: UInt64?, before arrival: LogArrival, _ output: inout Output) {
        self.state = .reading(Reading(target: target, gapEnd: arrival.position))
        self.hold(arrival, &output)
    }

    /// The log has two histories. The second one is read once its epoch has been renamed.
    mutating func forked(_ epoch: UInt64, _ output: inout Output) {
        output.gaps += 1
        self.fork = Fork(epochToEnd: epoch, isCounted: true)
        self.continuity = .proven
    }
}
