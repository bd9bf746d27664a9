import VolaryProtocol

/// Follows one topic: puts what Redis publishes and what its log holds into one order, without gaps and without duplicates. No clock, no I/O.
///
/// What is published arrives as ``received(_:into:)``. While it is the next of the log it is handed on. When something before it is missing,
/// it is held back, and ``request`` asks for the log. It never waits for what cannot come: whatever the log answers, the position moves to what
/// has been held back, and what was missed on the way is counted.
///
/// **Losses.** Counted, as ``Output/lost``, when their number is known: the log has forgotten them. A ``Output/gaps`` where it is not: the
/// link was lost, and the log that is there now is not, or not certainly, the one that was followed. While the link is up everything
/// published has been heard, so a log that begins anew then costs nothing. What comes and cannot be read is lost, too.
///
/// **One history.** Should the log have gone back behind what was heard (a replica took over that had not got everything, or Redis lost the
/// end of its file), its epoch is ended for all nodes by ``LogRequest/endEpoch(_:)``: offsets alone do not tell two histories apart later.
struct TopicLogStateMachine {
    struct Limits: Hashable {
        /// Messages that may be held back: 10,000, what the log keeps by default.
        var heldMessages = 10_000
        /// Bytes of them: 16 MiB. Past either, they are forgotten, and read from the log again. See also ``TopicLogs/maximumHeldBytes``.
        var heldBytes = 16 * 1024 * 1024
    }

    /// What is to be asked of Redis.
    enum LogRequest: Hashable {
        /// Where the log stands, and the message there: another at its place tells, later, that the log is not the same any more.
        case head
        /// All from there on, and from the log's start in another epoch.
        case entries(from: LogPosition?)
        case endEpoch(UInt64)
    }

    /// What a step has brought. Filled by reference: steps add to it.
    struct Output {
        /// To be handed on, in this order.
        var envelopes: [Envelope] = []
        /// Messages of others that have been handed on from the log.
        var recovered = 0
        /// Messages that are known to be lost, at most.
        var lost = 0
        /// Times that something may have been lost, and nobody can say how much.
        var gaps = 0
        /// Entries of the log that are no envelopes, and lost, and why the last of them is none.
        var undecodable = 0
        var decodingError: EnvelopeError?

        mutating func lose(_ count: UInt64) { self.lost = BrokerGap.sum(self.lost, Int(clamping: count)) }

        /// Keeps the room for envelopes, unless much was needed.
        mutating func clear() {
            self.envelopes.removeAll(keepingCapacity: self.envelopes.count <= 1024)
            (self.recovered, self.lost, self.gaps, self.undecodable, self.decodingError) = (0, 0, 0, 0, nil)
        }
    }

    enum Position: Hashable {
        /// The log has not been looked at.
        case unknown
        /// There was no log when it was looked at: all of the next one is news.
        case none
        case at(LogPosition, EntryFingerprint?)
    }

    /// Tells a message from another at the same place, and one sending of it from the next: what was sent to two masters may stand at one
    /// place in both logs, and yet not be preceded by the same. Unknown where the message could not be read.
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

    enum State: Hashable {
        /// Redis has not acknowledged the subscription, and nothing that comes counts.
        case unsubscribed
        case reading
        case following
    }

    private let own: NodeID
    let limits: Limits
    var state = State.unsubscribed
    var position = Position.unknown
    var filter = DuplicateFilter(capacity: 1024)
    var held = ReorderBuffer()
    var heldWereForgotten = false
    /// What the reading under way has to reach, in the position's epoch. Nil: wherever the log stands when it answers.
    var target: UInt64?
    /// The arrival whose gap began the reading. Should a reading not close it, nothing will.
    var trigger: LogPosition?
    /// The link has been lost since the log was last found to be the one that was followed.
    var isInterrupted = false
    /// Redis may have lost its data since then.
    var storeIsInDoubt = false
    /// Its end is wished for, as it has two histories.
    var forkedEpoch: UInt64?
    /// That the log has two histories has been counted.
    var forkWasCounted = false
    /// Entries of the position's epoch up to here are older than the subscription.
    var firstNews: UInt64 = 0
    /// The last that this subscription has brought.
    var lastHeard: LogPosition?
    /// Up to here the subscription may still bring what had been published before it was confirmed.
    var floor: LogPosition?
    /// Up to here some were given up as lost: should they come after all, their turn is over.
    var givenUp: LogPosition?

    /// - Parameter own: this node. Its messages are treated as everyone's, but do not count as recovered.
    init(own: NodeID, limits: Limits = Limits()) {
        self.own = own
        self.limits = limits
    }

    var isFollowing: Bool { self.state == .following }
    /// Of the subscription: answers to wishes of an earlier one are void.
    private(set) var session = 0

    var request: LogRequest? {
        if let forkedEpoch { return .endEpoch(forkedEpoch) }
        guard self.state == .reading else { return nil }
        switch self.position {
        case .unknown: return .head
        case .none: return .entries(from: nil)
        case .at(var position, _):
            // After an interruption also what has been seen already, to see whether it is still there.
            if !self.isInterrupted { position.offset += 1 }
            return .entries(from: position)
        }
    }

    // MARK: - The subscription

    /// What is published from now on arrives.
    mutating func subscribed(session: Int) {
        self.session = session
        self.state = .reading
        self.target = nil
        self.trigger = nil
        self.lastHeard = nil
        self.floor = nil
    }

    /// The link that brings what is published is lost.
    mutating func unlinked(into output: inout Output) {
        self.state = .unsubscribed
        self.isInterrupted = true
        self.forkWasCounted = false
        output.lose(UInt64(self.held.unlogged))
        self.held.removeAll()
        self.heldWereForgotten = false
    }

    /// Redis may not hold the data any longer that it held before the link was lost.
    mutating func storeBecameUnverified() {
        if self.isInterrupted { self.storeIsInDoubt = true }
    }

    // MARK: - Steps that arrivals and reading share

    /// Hands on what has not been handed on before.
    /// - Parameter envelope: nil for what cannot be read.
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

    /// Gives up what is missing up to `offset`, but for what has been held back of it.
    mutating func skip(to offset: UInt64, _ output: inout Output) {
        guard case .at(var position, var mark) = self.position, position.offset < offset else { return }
        self.givenUp = LogPosition(epoch: position.epoch, offset: offset)
        while let place = self.held.first?.position, place.epoch == position.epoch, place.offset <= offset {
            guard let arrival = self.held.popFirst(), place.offset > position.offset else { continue }
            output.lose(place.offset - position.offset - 1)
            position = place
            mark = arrival.envelope.map { EntryFingerprint($0) }
            self.pass(arrival.envelope, &output)
        }
        if position.offset < offset {
            output.lose(offset - position.offset)
            position.offset = offset
            mark = nil
        }
        self.position = .at(position, mark)
    }

    /// Everything that was missing has been read, or will never be.
    mutating func caughtUp(_ output: inout Output) {
        self.target = nil
        if self.heldWereForgotten {
            self.heldWereForgotten = false
            // As after a lost link, but that there have been messages is certain: a log that is gone has taken them along.
            self.isInterrupted = true
            self.storeIsInDoubt = true
            return
        }
        self.isInterrupted = false
        self.storeIsInDoubt = false
        self.state = .following
        var waiting = self.held
        self.held.removeAll()
        while let arrival = waiting.popFirst() { self.take(arrival, &output) }
    }

    /// The log was looked at for the first time.
    /// - Parameter last: the message that it ends with; nil when it does not hold it any more.
    mutating func began(at head: LogPage.Head?, last: LogPage.Entry?, _ output: inout Output) {
        let place = head.map { LogPosition(epoch: $0.epoch, offset: $0.offset) }
        let mark = last.flatMap { try? Envelope(decoding: $0.bytes) }.map { EntryFingerprint($0) }
        self.position = place.map { .at($0, mark) } ?? .none
        self.floor = place
        self.firstNews = head?.offset ?? 0
        self.caughtUp(&output)
    }
}
