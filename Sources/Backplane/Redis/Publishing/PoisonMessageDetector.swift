import NIOCore

/// Finds the one message that Redis does not take, where all that Redis says is that it closes the connection. Pure: time is an argument.
///
/// A message above Redis' `proto-max-bulk-len` or `client-query-buffer-limit` costs the connection, and the reason, if there is one, is
/// mostly lost with it. So a large message that is unanswered when the other side closes the connection is under suspicion: on the next
/// connection it is written alone, once all before it have been answered. When that one is closed too, ``maximumClosures`` times in a row, the message
/// is given up, and others as large are refused for a while.
///
/// A Redis that restarts or fails over refuses connections in between, or is another; one that loads its data does not become ready; one
/// that is frozen closes nothing. None of this counts against a message.
struct PoisonMessageDetector {
    /// What became of the connection's unanswered messages.
    enum Verdict: Hashable {
        /// The link is down, as far as is known.
        case linkIsDown
        /// It may be one message's fault: whether the link is down will be seen soon. Until ``isDeciding(at:)`` is false, all goes on as if it
        /// were up and slow.
        case wait
        /// The message that was alone is not taken; others as large would not be either.
        case reject
    }

    /// Smaller messages are never suspected: no Redis allows less than 1 MiB, and what stands before it counts little.
    static let minimumBytes = 64 * 1024
    /// How often in a row a connection must be closed while the message is alone on it.
    static let maximumClosures = 2
    /// For so long others wait at most: 1 s. Connecting again takes some 200 ms in all.
    static let decisionTimeout = TimeAmount.seconds(1)
    /// How long it is remembered what is too large: 5 min. Then Redis may have been configured anew.
    static let memory = TimeAmount.minutes(5)

    /// Of the message under suspicion.
    private(set) var candidate: UInt64?
    private var closures = 0
    private var decidesUntil: NIODeadline?
    /// Nothing has been answered since a decision took too long: the next would take as long.
    private var isLate = false
    /// Redis has said what is wrong with a message, and closes the connection.
    private var expectsClosure = false
    private var address: RedisAddress?
    private var refused: (bytes: Int, until: NIODeadline)?

    /// Whether others' messages wait for the decision.
    func isDeciding(at now: NIODeadline) -> Bool { self.decidesUntil.map { now < $0 } ?? false }

    /// Whether a message of so many bytes would not be taken.
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
                self.giveUp(bytes: message.bytes, at: now)
                return .reject
            }
        } else {
            self.candidate = message.sequence
            self.closures = 0
        }
        if !self.isLate { self.decidesUntil = self.decidesUntil ?? now + Self.decisionTimeout }
        return self.isDeciding(at: now) ? .wait : self.endDecision()
    }

    /// Redis has said that it does not take a message of so many bytes, and closes the connection.
    mutating func sizeWasRefused(bytes: Int, at now: NIODeadline) {
        self.giveUp(bytes: bytes, at: now)
        self.expectsClosure = true
        if !self.isLate { self.decidesUntil = self.decidesUntil ?? now + Self.decisionTimeout }
    }

    private mutating func giveUp(bytes: Int, at now: NIODeadline) {
        self.refused = (min(bytes, self.refused?.bytes ?? bytes), now + Self.memory)
        self.candidate = nil
        self.closures = 0
    }

    /// No connection was had: the server is down, or is not itself.
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

    /// Redis has answered a message: it is not that one.
    mutating func answered(_ sequence: UInt64) {
        self.isLate = false
        self.expectsClosure = false
        if let candidate, sequence < candidate { return }
        self.clear()
    }

    /// The decision has taken too long, or there is no link to wait for: the rest is as after any lost link.
    mutating func endDecision() -> Verdict {
        if self.decidesUntil != nil { self.isLate = true }
        self.decidesUntil = nil
        return .linkIsDown
    }

    /// The message under suspicion is gone.
    mutating func clear() {
        self.candidate = nil
        self.closures = 0
        self.decidesUntil = nil
    }
}
