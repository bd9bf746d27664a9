import VolaryProtocol

extension TopicLogStateMachine {
    /// The result of a received message.
    enum Answer {
        case nothing
        /// The next message of the log, the most frequent case. It costs no allocation.
        case deliver(Envelope)
        case output(Output)
    }

    /// The result of a step.
    struct Output {
        /// Maximum number of lost messages that are counted for one gap: 2^32, more than Redis relays in half a day. The size
        /// of a larger gap is unknown.
        static let maximumCount: UInt64 = 1 << 32

        /// Envelopes to deliver, in order.
        var envelopes: [Envelope] = []
        /// Number of messages of other nodes among them that were read from the log.
        var recovered = 0
        /// Number of messages that are known to be lost, as an upper bound.
        var lost = 0
        /// Number of times that an unknown number of messages may be lost.
        var gaps = 0
        /// Number of log entries that cannot be decoded, and are lost, and the error of the last one.
        var undecodable = 0
        var decodingError: EnvelopeError?

        var isEmpty: Bool {
            self.envelopes.isEmpty && self.recovered == 0 && self.lost == 0 && self.gaps == 0 && self.undecodable == 0
        }

        mutating func lose(_ count: UInt64, atMost maximum: UInt64 = Self.maximumCount) {
            if count > maximum { self.gaps += 1 } else { self.lost = BrokerGap.sum(self.lost, Int(count)) }
        }

        /// Counts the messages after `start` up to `end` as lost, as far as they are known to have been published.
        /// - Parameter logEnd: the last offset of the log; nil if that log no longer exists.
        mutating func lose(after start: UInt64, upTo end: UInt64, logEnd: UInt64?) {
            guard let logEnd else { return self.lose(end - start, atMost: DuplicateFilter.reach) }
            self.lose(min(end, logEnd) - min(start, logEnd))
            if end > max(start, logEnd) { self.gaps += 1 }
        }
    }

    /// Delivers an envelope that has not been delivered before.
    /// - Parameter envelope: nil if it cannot be decoded.
    mutating func pass(_ envelope: Envelope?, _ output: inout Output) {
        guard let envelope else { return output.lose(1) }
        if self.filter.admits(envelope.sequence, from: envelope.origin) { output.envelopes.append(envelope) }
    }

    /// Like ``pass(_:_:)``, for an envelope that was read from the log.
    mutating func recover(_ envelope: Envelope, _ output: inout Output) {
        let count = output.envelopes.count
        self.pass(envelope, &output)
        if output.envelopes.count > count, envelope.origin != self.own { output.recovered += 1 }
    }
}
