import NIOCore
import VolaryProtocol

/// This node's messages from the assignment of a sequence until Redis has confirmed them and they have come back. It consists
/// of the outbox, the loopback buffer, the replay buffer for a fail-over, and the detector of poison messages. Pure: time is an
/// argument.
struct PublishQueue {
    private let node: NodeID
    private let isLogged: Bool
    private var outbox: Outbox<OutgoingMessage>
    private var loopback = LoopbackBuffer()
    private var early = EarlyMessages()
    private var poison = PoisonMessageDetector()
    /// nil where no fail-over is possible.
    private var replay: FailoverReplayBuffer<OutgoingMessage>?
    /// The sequence of the last message.
    private(set) var sequence: UInt64 = 0
    private var stall = LoopbackStallDetector()

    /// - Parameters:
    ///   - isLogged: whether messages that are worth it get a position in their topic's log.
    ///   - replays: whether another server may become the master.
    init(node: NodeID, isLogged: Bool, limits: Outbox<OutgoingMessage>.Limits, replays: Bool) {
        self.node = node
        self.isLogged = isLogged
        self.outbox = Outbox(limits: limits)
        self.replay = replays ? FailoverReplayBuffer() : nil
    }

    var isEmpty: Bool { self.outbox.isEmpty }
    var waiting: Int { self.outbox.waiting }
    var hasWindowWaiting: Bool { self.outbox.hasWindowWaiting }

    // MARK: - Appending

    /// Assigns a sequence to the message and puts it into the outbox.
    /// - Parameter local: gets the envelope for this node's receiver, if it will not come back through Redis.
    /// - Returns: the outcome, if it is known already.
    mutating func append(
        _ request: PublishRequest,
        _ reachability: PublishReachability,
        into local: inout [Envelope],
        at now: NIODeadline
    ) -> Result<PublishOutcome, BrokerError>? {
        let (message, topic, isLinked) = (request.message, request.topic, reachability.publisher)
        guard !request.isTooLarge else { return .failure(.tooLarge) }
        let sender = message.sender
        // Checked before encoding, so that a flood of refused messages costs little.
        guard self.outbox.hasRoom(forBytes: message.payloadBytes, of: sender, linked: isLinked) else {
            return .failure(.outboxFull)
        }
        let envelope = Envelope(origin: self.node, sequence: self.sequence + 1, message: message)
        let bytes = envelope.encoded()
        let size = bytes.readableBytes
        guard size <= Limits.maximumEnvelopeBytes, !self.poison.refuses(bytes: size, at: now) else { return .failure(.tooLarge) }
        guard self.outbox.hasRoom(forBytes: size, of: sender, linked: isLinked) else { return .failure(.outboxFull) }
        self.sequence += 1
        if reachability.comesBack {
            self.loopback.sent(envelope, on: topic, bytes: size)
        } else if reachability.isWanted {
            local.append(envelope)
        }
        let outgoing = OutgoingMessage(
            topic: topic,
            sequence: envelope.sequence,
            bytes: bytes,
            completion: isLinked ? request.completion : nil,
            isDegraded: reachability.isDegraded,
            isWanted: reachability.isWanted,
            isLogged: self.isLogged && message.isWorthLogging
        )
        self.outbox.append(outgoing, bytes: size, of: sender, at: now)
        return isLinked ? nil : .success(.degraded(here: reachability.isWanted))
    }

    /// Call for a message that names this node as its origin. If another program has published it with a sequence that this
    /// node has not reached, this node continues after that sequence, so that receivers do not drop its next messages as
    /// duplicates. A sequence that is far away is ignored, as in the receivers' ``DuplicateFilter``.
    /// - Returns: whether the sequence is above this node's.
    mutating func observed(ownSequence sequence: UInt64) -> Bool {
        guard sequence > self.sequence else { return false }
        if sequence - self.sequence < DuplicateFilter.reach { self.sequence = sequence }
        return true
    }

    // MARK: - Writing

    /// Passes the messages that may be written now to `write`, in order. They count as unanswered from then on.
    ///
    /// The candidate of ``PoisonMessageDetector`` is written alone, once all messages before it have been answered. Bytes that
    /// have not come back count in the window as well, because output that this node does not read accumulates in Redis, which
    /// then closes the subscriber's connection.
    mutating func takeWritable(_ write: (OutgoingMessage) -> Void) {
        if let candidate = self.poison.candidate, let first = self.outbox.first, first.sequence > candidate {
            self.poison.clear()
        }
        let candidate = self.poison.candidate
        var room = self.outbox.limits.windowBytes - self.loopbackBytes
        func mayGo(_ message: OutgoingMessage, behind unanswered: Int) -> Bool {
            guard room > 0 else { return false }
            guard let candidate else { return true }
            return message.sequence < candidate || message.sequence == candidate && unanswered == 0
        }
        self.outbox.takeWaiting(while: mayGo) { message in
            room -= message.bytes.readableBytes
            write(message)
        }
    }

    /// Whether messages wait and half of the window is free.
    var isDue: Bool {
        self.outbox.refusals == 0 && self.outbox.isDue && self.loopbackBytes <= self.outbox.limits.windowBytes / 2
    }

    /// Bytes that have been written and have not come back.
    private var loopbackBytes: Int { max(0, self.loopback.totalBytes - self.outbox.waitingBytes) }

    // MARK: - Answers

    /// Call when Redis has accepted the oldest unanswered message.
    /// - Parameter local: gets the envelopes for this node's receiver.
    /// - Returns: the message, which is removed; nil when none was unanswered.
    mutating func confirmed(into local: inout [Envelope], at now: NIODeadline) -> OutgoingMessage? {
        let overtaken = self.outbox.refusals > 0 ? self.outbox.removeRefused() : []
        guard let message = self.removeOldestUnanswered() else { return nil }
        if !overtaken.isEmpty { self.renumber(overtaken, into: &local, at: now) }
        if message.isLogged, self.replay != nil {
            var copy = message
            copy.completion = nil
            self.replay?.append(copy, bytes: copy.bytes.readableBytes, at: now)
        }
        return message
    }

    /// A later message was accepted before messages that Redis refused for a missing script, because another node loaded the
    /// script in between. Receivers drop sequences below the last one, so the refused messages are published again with new
    /// sequences. This node's receiver gets them now.
    private mutating func renumber(_ overtaken: [OutgoingMessage], into local: inout [Envelope], at now: NIODeadline) {
        for message in overtaken {
            guard let old = try? Envelope(decoding: message.bytes) else { continue }
            self.loopback.received(old.sequence, on: message.topic, into: &local)
            self.sequence += 1
            let bytes = Envelope(origin: self.node, sequence: self.sequence, message: old.message).encoded()
            self.outbox.append(
                message.renumbered(self.sequence, bytes),
                bytes: bytes.readableBytes,
                of: old.message.sender,
                at: now
            )
        }
    }

    /// Call when Redis does not have the script for the oldest unanswered message. The message keeps its position.
    /// - Returns: whether this is the first such answer, so that the script has to be loaded.
    mutating func scriptIsMissing() -> Bool {
        let isFirst = self.outbox.refusals == 0
        self.outbox.refused()
        return isFirst
    }

    /// Size of the oldest unanswered message.
    var oldestUnansweredBytes: Int { self.outbox.firstUnanswered { _ in true }?.bytes.readableBytes ?? 0 }

    /// Removes the oldest unanswered message after an answer of Redis.
    mutating func removeOldestUnanswered() -> OutgoingMessage? {
        guard let message = self.outbox.answered() else { return nil }
        self.poison.answered(message.sequence)
        return message
    }

    mutating func sizeWasRefused(bytes: Int, at now: NIODeadline) { self.poison.sizeWasRefused(bytes: bytes, at: now) }

    /// Removes a message that left the outbox unconfirmed from the loopback buffer. It will not come back, and this node's
    /// receiver does not get it.
    mutating func forgetLoopback(of message: OutgoingMessage) { self.loopback.forget(message.sequence, on: message.topic) }

    // MARK: - The publisher's link

    /// - Returns: the number of messages confirmed by the last master that have to be published again before all others,
    ///   because receivers ignore sequences below the highest one of a node.
    mutating func linked(to address: RedisAddress?, at now: NIODeadline) -> Int {
        self.poison.linked(to: address)
        guard let address, var messages = self.replay?.linked(to: address, at: now), !messages.isEmpty else { return 0 }
        for index in messages.indices { Envelope.countAttempt(in: &messages[index].bytes) }
        self.outbox.putBack(messages.map { ($0, $0.bytes.readableBytes) }, at: now)
        return messages.count
    }

    /// Unanswered messages wait again.
    mutating func linkLost(isByPeer: Bool, at now: NIODeadline) -> PoisonMessageDetector.Verdict {
        self.replay?.linkLost(at: now)
        let large = self.outbox.firstUnanswered { $0.bytes.readableBytes >= PoisonMessageDetector.minimumBytes }
        let verdict = self.poison.connectionEnded(
            isByPeer: isByPeer,
            message: large.map { ($0.sequence, $0.bytes.readableBytes) },
            isAlone: self.outbox.unanswered == 1,
            at: now
        )
        self.outbox.linkLost { Envelope.countAttempt(in: &$0.bytes) }
        return verdict
    }
    mutating func connectionFailed() { self.poison.connectionFailed() }

    func isDeciding(at now: NIODeadline) -> Bool { self.poison.isDeciding(at: now) }

    /// Call when the decision has taken too long. The link counts as down.
    mutating func endDecision() { _ = self.poison.endDecision() }

    /// Removes the waiting messages that are at least as large as one that Redis refuses.
    mutating func removeOversized(at now: NIODeadline) -> [OutgoingMessage] {
        let poison = self.poison
        return self.outbox.removeWaiting { poison.refuses(bytes: $0.bytes.readableBytes, at: now) }
    }

    /// The link is down. Messages stay in the outbox, but their callers do not wait any longer.
    /// - Returns: functions to call, which report the outcomes.
    mutating func takeCompletions() -> [() -> Void] {
        var answers: [() -> Void] = []
        self.outbox.updateAll { message in
            let isWanted = message.isWanted
            if let completion = message.completion { answers.append { completion(.success(.degraded(here: isWanted))) } }
            message.completion = nil
        }
        return answers
    }

    mutating func expire(at now: NIODeadline) -> Int { self.outbox.expire(at: now) }

    // MARK: - Loopback

    mutating func cameBack(_ sequence: UInt64, on topic: Topic, into envelopes: inout [Envelope]) {
        if let envelope = self.early.take(sequence, on: topic) { return envelopes.append(envelope) }
        self.loopback.received(sequence, on: topic, into: &envelopes)
    }

    /// Call when this node subscribes to the topic. Its messages in the outbox may come back.
    mutating func subscribing(to topic: Topic) {
        for message in self.outbox.elements where !message.isWanted && message.topic == topic {
            guard let envelope = try? Envelope(decoding: message.bytes) else { continue }
            self.early.append(envelope, on: topic, bytes: message.bytes.readableBytes)
        }
    }

    /// Call when this node is not subscribed to the topic any more.
    mutating func forgetLoopback(of topic: Topic) {
        self.early.forget(topic)
        self.loopback.forget(topic)
    }

    /// - Returns: the messages that may not come back because a link was lost, in order.
    mutating func takeLoopback() -> [Envelope] {
        self.early.removeAll()
        return self.loopback.takeAll()
    }

    /// Call once per second: see ``LoopbackStallDetector``. While topics are not subscribed, messages may not come back for
    /// that reason.
    mutating func loopbackIsStalled(allTopicsArrive: Bool) -> Bool {
        let oldest = allTopicsArrive ? self.loopback.oldest : nil
        let firstUnconfirmed = self.outbox.first?.sequence ?? .max
        self.early.age(below: firstUnconfirmed)
        return self.stall.check(oldest: oldest, firstUnconfirmed: firstUnconfirmed)
    }
}
