import NIOCore

/// Finds a message for which Redis closes the connection: a poison message. Pure: time is an argument.
///
/// Redis closes the connection for a message above its `proto-max-bulk-len` or `client-query-buffer-limit`, in most cases
/// without an error. So a large message that is unanswered when Redis closes the connection becomes the candidate. It is
/// written alone on the next connection, once all messages before it have been answered. If that connection is closed as well,
/// ``maximumClosures`` times in a row, the message is rejected, and messages of its size or larger are refused for ``memory``.
///
/// Restarts, fail-overs, loading and frozen servers do not count against a message: they refuse connections, change the
/// address, do not become ready, or close nothing.
struct PoisonMessageDetector {
    /// The result for the unanswered messages of the connection.
    enum Verdict: Hashable {
        /// The link is down, as far as is known.
        case linkIsDown
        /// One message may be the cause. Until ``isDeciding(at:)`` is false, the link counts as up but slow.
        case wait
        /// Redis accepts neither the message that was alone nor others of its size or larger.
        case reject
    }

    /// Smaller messages are never candidates, because no Redis has a limit below 1 MiB.
    static let minimumBytes = 64 * 1024
    /// How often in a row a connection must be closed while the message is alone on it.
    static let maximumClosures = 2
    /// Maximum time of a decision, during which other messages wait: 1 s. Reconnecting takes about 200 ms in total.
    static let decisionTimeout = TimeAmount.seconds(1)
    /// How long a refused size is remembered: 5 min. The configuration of Redis may change in the meantime.
    static let memory = TimeAmount.minutes(5)

    /// Sequence of the candidate.
    private(set) var candidate: UInt64?
    private var closures = 0
    private var decidesUntil: NIODeadline?
    /// Whether a decision took too long and nothing has been answered since. Until then there is no other decision.
    private var isLate = false
    /// Whether Redis has refused a message for its size, and is about to close the connection.
    private var expectsClosure = false
    private var address: RedisAddress?
    private var refused: (bytes: Int, until: NIODeadline)?

    /// Whether messages wait for a decision.
    func isDeciding(at now: NIODeadline) -> Bool { self.decidesUntil.map { now < $0 } ?? false }

    /// Whether Redis would refuse a message of this size.
    func refuses(bytes: Int, at now: NIODeadline) -> Bool {
        self.refused.map { bytes >= $0.bytes && now < $0.until } ?? false
    }

    /// Call when the connection has ended.
    /// - Parameters:
    ///   - isByPeer: whether the other side has closed or reset it.
    ///   - message: the oldest unanswered message of ``minimumBytes`` or more.
    ///   - isAlone: whether nothing else is unanswered.
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

    /// Call when Redis has refused a message of this size. It closes the connection next.
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

    /// Call when no connection could be made: the server is down, or another server answers.
    mutating func connectionFailed() {
        self.closures = 0
        _ = self.endDecision()
    }

    /// Call when the link is up again.
    mutating func linked(to address: RedisAddress?) {
        defer { self.address = address }
        guard self.address != nil, address != self.address else { return }
        self.refused = nil
        self.closures = 0
    }

    /// Call when Redis has answered a message, which is therefore not the cause.
    mutating func answered(_ sequence: UInt64) {
        self.isLate = false
        self.expectsClosure = false
        if let candidate, sequence < candidate { return }
        self.clear()
    }

    /// Call when the decision has taken too long, or no link is expected. The link counts as down.
    mutating func endDecision() -> Verdict {
        if self.decidesUntil != nil { self.isLate = true }
        self.decidesUntil = nil
        return .linkIsDown
    }

    /// Call when the candidate has been removed.
    mutating func clear() {
        self.candidate = nil
        self.closures = 0
        self.decidesUntil = nil
    }
}
