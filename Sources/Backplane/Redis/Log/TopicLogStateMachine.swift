import VolaryProtocol

/// Follows one topic: combines what Redis publishes and what the topic's log contains into one order, without gaps and without
/// duplicates. No clock, no I/O.
///
/// A published message arrives through ``received(_:)``. If it is the next one of the log it is delivered. If messages before
/// it are missing, it is buffered, and ``request`` asks for the log. Nothing waits for messages that cannot come: after any
/// answer, the position moves to the buffered message, and the missing messages are counted.
///
/// **Losses.** If the number of lost messages is known, because the log has removed them, they are counted in ``Output/lost``.
/// If it is not known, ``Output/gaps`` is increased: the link was lost, and the present log is not certainly the one that was
/// followed. While the link is up all messages arrive, so a log that begins anew costs nothing. A message that cannot be
/// decoded counts as lost.
///
/// Anyone with permission to publish can invent an offset. So only offsets from the log itself are trusted. Offsets above the
/// end of the log count as a gap of unknown size. So does a gap of more than ``Output/maximumCount``, or of
/// ``DuplicateFilter/reach`` if there is no log.
///
/// **One history.** If the log has gone back behind the received messages (a replica without all messages became the master, or
/// Redis lost the end of its file), ``LogRequest/endEpoch(_:)`` ends its epoch for all nodes, because offsets alone cannot
/// distinguish the two histories later.
struct TopicLogStateMachine {
    struct Limits: Hashable {
        /// Maximum of buffered messages: 10,000, the default size of the log.
        var heldMessages = 10_000
        /// Maximum of their bytes: 16 MiB. Above either maximum the buffer is emptied and the messages are read from the log.
        /// See also ``TopicLogs/maximumHeldBytes``.
        var heldBytes = 16 * 1024 * 1024
    }

    /// A request to Redis.
    enum LogRequest: Hashable {
        /// The end of the log and its last message. If another message is found at this position later, the log is not the
        /// same.
        case head
        /// All entries from the position on; from the start of the log if the epoch is another one.
        case entries(from: LogPosition?)
        case endEpoch(UInt64)
    }

    enum Position: Hashable {
        /// The log has not been read.
        case unknown
        /// There was no log when it was read, so all entries of the next log are new.
        case none
        case at(LogPosition, EntryFingerprint?)
    }

    /// Identity of the entry at a position. It differs if two masters have different entries there, or got them in different
    /// attempts to send. A message that was sent to two masters may have the same position in both logs, with different
    /// messages before it. Unknown if the message could not be decoded.
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
        /// Redis has not confirmed the subscription. Messages that arrive are ignored.
        case unsubscribed
        case reading(Reading)
        case following
    }

    /// The state of a reading of the log.
    struct Reading {
        /// Messages received since the reading began.
        var buffer = ReorderBuffer()
        /// Whether the buffer was emptied, so that its messages have to be read as well.
        var hasOverflowed = false
        /// The offset that the reading has to reach, in the position's epoch. nil for the end of the log at the time of the
        /// answer.
        var target: UInt64?
        /// Position of the message whose gap started the reading, if any. A gap that remains after the reading will not be
        /// filled.
        var gapEnd: LogPosition?
    }

    /// Whether the log is known to be the one that was followed.
    enum Continuity {
        case proven
        /// The link was lost after the last reading of the log.
        case interrupted
        /// In addition, Redis may have lost its data since then.
        case unverified
    }

    /// A log with two histories.
    struct Fork {
        /// The epoch whose end has to be requested.
        var epochToEnd: UInt64?
        /// Whether the gap has been counted.
        var isCounted = false
    }

    let own: NodeID
    let limits: Limits
    /// Number of the subscription. Answers to requests of an earlier subscription are ignored.
    private(set) var session = 0
    var state = State.unsubscribed
    var position = Position.unknown
    var continuity = Continuity.proven
    var fork = Fork()
    var filter = DuplicateFilter(capacity: 1024)
    /// Entries of the position's epoch up to this offset are older than the subscription.
    var epochStart: UInt64 = 0
    /// Position of the last message that this subscription delivered.
    var lastArrival: LogPosition?
    /// End of the log when it was first read. Up to it the subscription may still deliver messages that were published before.
    var initialEnd: LogPosition?
    /// Missing entries up to this position were counted as lost. They are not delivered if they arrive later.
    var skippedTo: LogPosition?

    /// - Parameter own: this node. Its messages are handled like all others, but do not count as recovered.
    init(own: NodeID, limits: Limits = Limits()) {
        self.own = own
        self.limits = limits
    }

    var isFollowing: Bool { if case .following = self.state { true } else { false } }
    /// See ``TopicLogs/Outcome/isBehind``.
    var isBehind: Bool { !self.isFollowing && (self.position != .unknown || self.heldMessages > 0) }
    var isInterrupted: Bool { self.continuity != .proven }
    /// The number of the last message that was delivered; 0 for none, and where it is not known.
    var number: UInt64 { if case .at(let position, _) = self.position { position.number } else { 0 } }
    /// Bytes in the buffer, including ``Outbox/overheadBytes`` for each message.
    var heldBytes: Int { if case .reading(let reading) = self.state { reading.buffer.bytes } else { 0 } }
    /// Number of messages in the buffer.
    var heldMessages: Int { if case .reading(let reading) = self.state { reading.buffer.count } else { 0 } }

    var request: LogRequest? {
        if let epoch = self.fork.epochToEnd { return .endEpoch(epoch) }
        guard case .reading = self.state else { return nil }
        switch self.position {
        case .unknown: return .head
        case .none: return .entries(from: nil)
        case .at(var position, _):
            // After an interruption the last delivered entry is read as well, to check that it is still there.
            if !self.isInterrupted { position.offset += 1 }
            return .entries(from: position)
        }
    }

    // MARK: - The subscription

    /// Call when later publications arrive.
    mutating func subscribed(session: Int) {
        self.session = session
        var reading = Reading()
        // If a subscription is confirmed twice, the buffered messages are kept.
        if case .reading(let before) = self.state {
            (reading.buffer, reading.hasOverflowed) = (before.buffer, before.hasOverflowed)
        }
        self.state = .reading(reading)
        self.lastArrival = nil
        self.initialEnd = nil
    }

    /// Call when the subscriber's link was lost.
    /// - Returns: the number of buffered messages that are lost because no log has them.
    mutating func unlinked() -> Int {
        var lost = 0
        if case .reading(let reading) = self.state { lost = reading.buffer.unlogged }
        self.state = .unsubscribed
        if self.continuity == .proven { self.continuity = .interrupted }
        self.fork.isCounted = false
        return lost
    }

    /// Call when Redis may have lost the data that it had before the link was lost.
    mutating func storeBecameUnverified() {
        if self.isInterrupted { self.continuity = .unverified }
    }

    /// Handles the answer to ``LogRequest/endEpoch(_:)``.
    mutating func epochWasEnded() {
        self.fork.epochToEnd = nil
    }
}
