import VolaryProtocol

/// Follows one topic: puts what Redis publishes and what the topic's log holds into one order, without gaps and without duplicates. No clock,
/// no I/O.
///
/// A published message arrives as ``received(_:)``. While it is the next of the log it is delivered. When something before it is missing, it is
/// buffered, and ``request`` asks for the log. Nothing waits for what cannot come: whatever the log answers, the position moves to the buffered
/// message, and what was missed on the way is counted.
///
/// **Losses.** Counted, as ``Output/lost``, when their number is known: the log has forgotten them. Counted as ``Output/gaps`` where it is not:
/// the link was lost, and the log that is there now is not, or not certainly, the one that was followed. While the link is up everything
/// published arrives, so a log that begins anew then costs nothing. A message that cannot be decoded is lost, too.
///
/// An offset is a number that anybody who may publish can make up. So only offsets that the log itself has given count; those above the
/// log's end are a gap of unknown size, and so is more than ``Output/maximumCount`` at once, or ``DuplicateFilter/reach`` where there is no log.
///
/// **One history.** Should the log have gone back behind what was received (a replica took over that had not got everything, or Redis lost
/// the end of its file), its epoch is ended for all nodes by ``LogRequest/endEpoch(_:)``: offsets alone do not tell two histories apart later.
struct TopicLogStateMachine {
    struct Limits: Hashable {
        /// Messages that may be buffered: 10,000, what the log keeps by default.
        var heldMessages = 10_000
        /// Bytes of them: 16 MiB. Past either, the buffer is emptied and the messages are read from the log. See also
        /// ``TopicLogs/maximumHeldBytes``.
        var heldBytes = 16 * 1024 * 1024
    }

    /// What is to be asked of Redis.
    enum LogRequest: Hashable {
        /// Where the log ends, and the message there: another one at its position tells, later, that the log is not the same any more.
        case head
        /// All entries from there on, and from the log's start in another epoch.
        case entries(from: LogPosition?)
        case endEpoch(UInt64)
    }

    enum Position: Hashable {
        /// The log has not been read.
        case unknown
        /// There was no log when it was read: all of the next one is new.
        case none
        case at(LogPosition, EntryFingerprint?)
    }

    /// Identity of the entry at a position. It differs when two masters hold different entries there, or got them from different sendings: what was
    /// sent to two masters may stand at one position in both logs, and yet not be preceded by the same. Unknown where the message could
    /// not be decoded.
    struct EntryFingerprint: Hashable {
        let origin: NodeID
        let sequence: UInt64
        let attempt: UInt8

        init(_ envelope: Envelope) {
            self.origin = envelope.origin
            self.sequence = envelope.sequence
            self.attempt = envelope.attempt
        }
    }

    enum State {
        /// Redis has not confirmed the subscription, and nothing that arrives counts.
        case unsubscribed
        case reading(Reading)
        case following
    }

    /// What belongs to a reading of the log.
    struct Reading {
        /// Arrivals since it began.
        var buffer = ReorderBuffer()
        /// The buffer was emptied, so that its messages have to be read as well.
        var hasOverflowed = false
        /// The offset that it has to reach, in the position's epoch. Nil: wherever the log ends when it answers.
        var target: UInt64?
        /// Position of the arrival whose gap began it, if one did. A gap that is left after the reading will not be filled.
        var gapEnd: LogPosition?
    }

    /// Whether the log is known to be the one that was followed.
    enum Continuity {
        case proven
        /// The link has been lost since the log was last read.
        case interrupted
        /// Also, Redis may have lost its data since then.
        case unverified
    }

    /// A log with two histories.
    struct Fork {
        /// Its end is to be requested.
        var epochToEnd: UInt64?
        /// The gap has been counted.
        var isCounted = false
    }

    let own: NodeID
    let limits: Limits
    /// Number of the subscription: answers to requests of an earlier one are void.
    private(set) var session = 0
    var state = State.unsubscribed
    var position = Position.unknown
    var continuity = Continuity.proven
    var fork = Fork()
    var filter = DuplicateFilter(capacity: 1024)
    /// Entries of the position's epoch up to this offset are older than the subscription.
    var epochStart: UInt64 = 0
    /// Position of the last message that this subscription has brought.
    var lastArrival: LogPosition?
    /// The log's end when it was first read: up to there the subscription may still bring what had been published before.
    var initialEnd: LogPosition?
    /// Up to there missing entries were given up as lost: they are not delivered should they arrive after all.
    var skippedTo: LogPosition?

    /// - Parameter own: this node. Its messages are treated as everyone's, but do not count as recovered.
    init(own: NodeID, limits: Limits = Limits()) {
        self.own = own
        self.limits = limits
    }

    var isFollowing: Bool { if case .following = self.state { true } else { false } }
    var isInterrupted: Bool { self.continuity != .proven }
    /// Bytes in the buffer, with ``Outbox/overheadBytes`` for each message.
    var heldBytes: Int { if case .reading(let reading) = self.state { reading.buffer.bytes } else { 0 } }
    /// Messages in the buffer.
    var heldMessages: Int { if case .reading(let reading) = self.state { reading.buffer.count } else { 0 } }

    var request: LogRequest? {
        if let epoch = self.fork.epochToEnd { return .endEpoch(epoch) }
        guard case .reading = self.state else { return nil }
        switch self.position {
        case .unknown: return .head
        case .none: return .entries(from: nil)
        case .at(var position, _):
            // After an interruption also the last entry that was delivered, to see whether it is still there.
            if !self.isInterrupted { position.offset += 1 }
            return .entries(from: position)
        }
    }

    // MARK: - The subscription

    /// What is published from now on arrives.
    mutating func subscribed(session: Int) {
        self.session = session
        var reading = Reading()
        // A subscription that is confirmed twice keeps what has arrived.
        if case .reading(let before) = self.state {
            (reading.buffer, reading.hasOverflowed) = (before.buffer, before.hasOverflowed)
        }
        self.state = .reading(reading)
        self.lastArrival = nil
        self.initialEnd = nil
    }

    /// The link that brings what is published is lost.
    /// - Returns: how many messages of the buffer are lost, as no log has them.
    mutating func unlinked() -> Int {
        var lost = 0
        if case .reading(let reading) = self.state { lost = reading.buffer.unlogged }
        self.state = .unsubscribed
        if self.continuity == .proven { self.continuity = .interrupted }
        self.fork.isCounted = false
        return lost
    }

    /// Redis may not hold the data any longer that it held before the link was lost.
    mutating func storeBecameUnverified() {
        if self.isInterrupted { self.continuity = .unverified }
    }

    /// Redis has answered ``LogRequest/endEpoch(_:)``.
    mutating func epochWasEnded() {
        self.fork.epochToEnd = nil
    }
}
