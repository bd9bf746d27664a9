import NIOCore

/// Finds the one message for which Redis closes the connection: a poison message. Pure: time is an argument.
///
/// Redis closes the connection for a message above its `proto-max-bulk-len` or `client-query-buffer-limit`, mostly without a reason that
/// arrives. So a large message that is unanswered when Redis closes the connection becomes the candidate: it is written alone on the next
/// connection, once all before it have been answered. When that connection is closed as well, ``maximumClosures`` times in a row, the message is
/// rejected, and messages as large are refused for ``memory``.
///
/// Restarts, fail-overs, loading and frozen servers do not count against a message: they refuse connections in between, change the address,
/// do not become ready, or close nothing.
struct PoisonMessageDetector {
    /// What became of the connection's unanswered messages.
    enum Verdict: Hashable {
        /// The link is down, as far as is known.
        case linkIsDown
        /// One message may be the cause. Until ``isDeciding(at:)`` is false, the link counts as up and slow.
        case wait
        /// Redis takes neither the message that was alone nor others as large.
        case reject
    }

    /// Smaller messages are never candidates: no Redis allows less than 1 MiB.
    static let minimumBytes = 64 * 1024
    /// How often in a row a connection must be closed while the message is alone on it.
    static let maximumClosures = 2
    /// How long a decision may take, in which other messages wait: 1 s. Connecting again takes some 200 ms in all.
    static let decisionTimeout = TimeAmount.seconds(1)
    /// How long a size that Redis does not take is remembered: 5 min. Redis' configuration may be changed meanwhile.
    static let memory = TimeAmount.minutes(5)

    /// Sequence of the candidate.
    private(set) var candidate: UInt64?
    private var closures = 0
    private var decidesUntil: NIODeadline?
    /// A decision took too long, and nothing has been answered since: there is no other decision until then.
    private var isLate = false
    /// Redis has refused a message for its size, and closes the connection next.
    private var expectsClosure = false
    private var address: RedisAddress?
    private var refused: (bytes: Int, until: NIODeadline)?

    /// Whether messages wait for the decision.
    func isDeciding(at now: NIODeadline) -> Bool { self.decidesUntil.map { now < $0 } ?? false }

    /// Whether Redis would not take a message of so many bytes.
    func refuses(bytes: Int, at now: NIODeadline) -> Bool {
        self.refused.map { bytes >= $0.bytes && now < $0.until } ?? false
    }

    /// The connection has ended.
    /// - Parameters:
    ///   - isByPeer: the other side has closed or reset it.
    ///   - message: the oldest unanswered message of ``minimumBytes`` or more.
    ///   - isAlone: nothing else is unanswered.
    mutating func connectionEnded(
        isByPeer: Bool,
        message: (sequence: UInt64, bytes: Int)?,
        isAlone: Bool,
        at now: NIODeadline
    ) -> Verdict {
        defer { self.expectsClosure = false }
        guard isByPeer else {
            self.clear()
            return .linkIsDown
        }
        guard let message else {
            self.candidate = nil
            self.closures = 0
            return self.expectsClosure && self.isDeciding(at: now) ? .wait : self.endDecision()
        }
        if self.candidate == message.sequence, isAlone {
            self.closures += 1
            if self.closures >= Self.maximumClosures {
                self.remember(bytes: message.bytes, at: now)
                return .reject
            }
        } else {
            self.candidate = message.sequence
            self.closures = 0
        }
        if !self.isLate { self.decidesUntil = self.decidesUntil ?? now + Self.decisionTimeout }
        return self.isDeciding(at: now) ? .wait : self.endDecision()
    }

    /// Redis has refused a message of so many bytes for its size, and closes the connection next.
    mutating func sizeWasRefused(bytes: Int, at now: NIODeadline) {
        self.remember(bytes: bytes, at: now)
        self.expectsClosure = true
        if !self.isLate { self.decidesUntil = self.decidesUntil ?? now + Self.decisionTimeout }
    }

    private mutating func remember(bytes: Int, at now: NIODeadline) {
        self.refused = (min(bytes, self.refused?.bytes ?? bytes), now + Self.memory)
        self.candidate = nil
        self.closures = 0
    }

    /// No connection could be made: the server is down, or another answers.
    mutating func connectionFailed() {
        self.closures = 0
        _ = self.endDecision()
    }

    /// The link is up again.
    mutating func linked(to address: RedisAddress?) {
        defer { self.address = address }
        guard self.address != nil, address != self.address else { return }
        self.refused = nil
        self.closures = 0
    }

    /// Redis has answered a message: it is not the cause.
    mutating func answered(_ sequence: UInt64) {
        self.isLate = false
        self.expectsClosure = false
        if let candidate, sequence < candidate { return }
        self.clear()
    }

    /// The decision has taken too long, or there is no link to wait for: the link counts as down.
    mutating func endDecision() -> Verdict {
        if self.decidesUntil != nil { self.isLate = true }
        self.decidesUntil = nil
        return .linkIsDown
    }

    /// The candidate is gone.
    mutating func clear() {
        self.candidate = nil
        self.closures = 0
        self.decidesUntil = nil
    }
}
