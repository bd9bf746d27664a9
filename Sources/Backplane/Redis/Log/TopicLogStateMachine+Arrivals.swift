import VolaryProtocol

extension TopicLogStateMachine {
    /// The subscription has brought a message.
    mutating func received(_ arrival: LogArrival, into output: inout Output) {
        guard self.state != .unsubscribed else { return }
        var arrival = arrival
        if let place = arrival.position {
            if let lastHeard, lastHeard.epoch == place.epoch, place.offset <= lastHeard.offset { arrival.isRewound = true }
            self.lastHeard = place
        }
        self.take(arrival, &output)
    }

    mutating func take(_ arrival: LogArrival, _ output: inout Output) {
        switch self.state {
        case .unsubscribed: break
        case .reading: self.hold(arrival, &output)
        case .following: self.follow(arrival, &output)
        }
    }

    private mutating func hold(_ arrival: LogArrival, _ output: inout Output) {
        self.held.append(arrival)
        if self.held.count > self.limits.heldMessages || self.held.bytes > self.limits.heldBytes { self.forgetHeld(&output) }
    }

    /// There is too much of what is held back. What the log has of it will be read again.
    mutating func forgetHeld(_ output: inout Output) {
        guard self.held.count > 0 else { return }
        output.lose(UInt64(self.held.unlogged))
        self.held.removeAll()
        self.heldWereForgotten = true
    }

    private mutating func follow(_ arrival: LogArrival, _ output: inout Output) {
        guard let place = arrival.position else {
            self.pass(arrival.envelope, &output)
            return
        }
        if case .at(let position, _) = self.position, position.epoch == place.epoch {
            if place.offset == position.offset + 1 {
                self.advance(to: arrival, at: place, &output)
            } else if place.offset <= position.offset {
                self.tookOldOffset(arrival, at: place, &output)
            } else if self.trigger == place {
                self.skip(to: place.offset - 1, logEnd: nil, &output)
                self.advance(to: arrival, at: place, &output)
            } else {
                self.read(to: place.offset - 1, before: arrival, &output)
            }
        } else if place.offset == 1 {
            self.firstNews = 0
            self.advance(to: arrival, at: place, &output)
        } else if self.trigger == place {
            // Of an epoch that is over: the log says so.
            output.gaps += 1
            self.trigger = nil
            self.pass(arrival.envelope, &output)
        } else {
            self.read(to: nil, before: arrival, &output)
        }
    }

    private mutating func advance(to arrival: LogArrival, at place: LogPosition, _ output: inout Output) {
        self.position = .at(place, arrival.envelope.map { EntryFingerprint($0) })
        self.floor = nil
        self.trigger = nil
        self.pass(arrival.envelope, &output)
    }

    /// An offset that the log has had already: nearly always a message that has been read from it.
    private mutating func tookOldOffset(_ arrival: LogArrival, at place: LogPosition, _ output: inout Output) {
        let isBeforeFirstLook = self.floor.map { $0.epoch == place.epoch && place.offset <= $0.offset } ?? false
        guard let envelope = arrival.envelope else {
            // What has been read from the log has been counted then.
            if arrival.isRewound || isBeforeFirstLook { output.lose(1) }
            return
        }
        let count = output.envelopes.count
        self.pass(envelope, &output)
        guard output.envelopes.count > count else { return }
        if !arrival.isRewound {
            if isBeforeFirstLook { return }
            if let givenUp, givenUp.epoch == place.epoch, place.offset <= givenUp.offset {
                output.envelopes.removeLast()
                return
            }
        }
        // A message never heard of, at an offset that another had: the log has been rewound.
        self.position = .at(place, EntryFingerprint(envelope))
        self.forked(place.epoch, &output)
    }

    /// - Parameter target: nil when the log is to say how much is missing.
    private mutating func read(to target: UInt64?, before arrival: LogArrival, _ output: inout Output) {
        self.state = .reading
        self.target = target
        self.trigger = arrival.position
        self.hold(arrival, &output)
    }
}
