import VolaryProtocol

extension TopicLogStateMachine {
    /// What a message has brought.
    enum Answer {
        case nothing
        /// The next message of the log, as nearly always: costs no allocation.
        case deliver(Envelope)
        case output(Output)
    }

    /// What a step has brought.
    struct Output {
        /// Lost messages of one gap that are counted at most: 2^32, more than a Redis relays in half a day. Of a larger gap the size is unknown.
        static let maximumCount: UInt64 = 1 << 32

        /// To be delivered, in this order.
        var envelopes: [Envelope] = []
        /// Messages of others among them that were read from the log.
        var recovered = 0
        /// Messages that are known to be lost, at most.
        var lost = 0
        /// Times that an unknown number of messages may be lost.
        var gaps = 0
        /// Entries of the log that cannot be decoded, and are lost, and why the last of them cannot be.
        var undecodable = 0
        var decodingError: EnvelopeError?

        var isEmpty: Bool {
            self.envelopes.isEmpty && self.recovered == 0 && self.lost == 0 && self.gaps == 0 && self.undecodable == 0
        }

        mutating func lose(_ count: UInt64, atMost maximum: UInt64 = Self.maximumCount) {
            if count > maximum { self.gaps += 1 } else { self.lost = BrokerGap.sum(self.lost, Int(count)) }
        }

        /// Counts the messages after `start` up to `end`, as far as they are known to have been published.
        /// - Parameter logEnd: the last offset that the log has given; nil where there is no such log any more.
        mutating func lose(after start: UInt64, upTo end: UInt64, logEnd: UInt64?) {
            guard let logEnd else { return self.lose(end - start, atMost: DuplicateFilter.reach) }
            self.lose(min(end, logEnd) - min(start, logEnd))
            if end > max(start, logEnd) { self.gaps += 1 }
        }
    }

    /// Delivers what has not been delivered before.
    /// - Parameter envelope: nil for what cannot be decoded.
    mutating func pass(_ envelope: Envelope?, _ output: inout Output) {
        guard let envelope else { return output.lose(1) }
        if self.filter.admits(envelope.sequence, from: envelope.origin) { output.envelopes.append(envelope) }
    }

    /// As ``pass(_:_:)``, for what was read.
    mutating func recover(_ envelope: Envelope, _ output: inout Output) {
        let count = output.envelopes.count
        self.pass(envelope, &output)
        if output.envelopes.count > count, envelope.origin != self.own { output.recovered += 1 }
    }
}
