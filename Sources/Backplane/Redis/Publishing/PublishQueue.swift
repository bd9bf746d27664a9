import NIOCore
import VolaryProtocol

/// This node's messages from the moment they get a sequence until Redis has confirmed them and they have come back: the outbox, the loopback
/// buffer, the replay buffer for a fail-over, and the search for a message that costs the connection. Pure: time is an argument.
struct PublishQueue {
    private let node: NodeID
    private let isLogged: Bool
    private var outbox: Outbox<OutgoingMessage>
    private var loopback = LoopbackBuffer()
    private var poison = PoisonMessageDetector()
    /// Nil where no fail-over is possible.
    private var replay: FailoverReplayBuffer<OutgoingMessage>?
    /// The server that confirmed the messages in `replay`.
    private var replayAddress: RedisAddress?
    /// Of the last message.
    private(set) var sequence: UInt64 = 0
    private var stall = LoopbackStallDetector()

    /// - Parameters:
    ///   - isLogged: whether messages get a position in their topic's log, if they are worth it.
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

    /// Gives the message a sequence and puts it into the outbox.
    /// - Parameter local: gets the envelope when this node's receiver is to be given it at once, as it will not come back.
    /// - Returns: the outcome, when it is known already.
    mutating func append(
        _ request: PublishRequest,
        _ reachability: PublishReachability,
        into local: inout [Envelope],
        at now: NIODeadline
    ) -> Result<PublishOutcome, BrokerError>? {
        let (message, topic, isLinked) = (request.message, request.topic, reachability.publisher)
        guard !request.isTooLarge else { return .failure(.tooLarge) }
        let sender = message.sender
        // Checked before encoding, so that a flood that has no room costs little.
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

    /// Another program has published under this node's identity, with a sequence that this node has not reached: the node counts on from there,
    /// so that receivers do not take its next messages for duplicates. A sequence that is far away is ignored, as ``DuplicateFilter`` of
    /// the receivers does.
    /// - Returns: whether the sequence is above this node's.
    mutating func observed(ownSequence sequence: UInt64) -> Bool {
        guard sequence > self.sequence else { return false }
        if sequence - self.sequence < DuplicateFilter.reach { self.sequence = sequence }
        return true
    }

    // MARK: - Writing

    /// Hands out what may be written now, in order; it counts as unanswered from then on.
    ///
    /// The candidate of ``PoisonMessageDetector`` is written alone, once all before it have been answered. Bytes that have not come back count
    /// into the window as well: what this node does not read piles up in Redis, which then closes the subscriber's connection.
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

    /// Whether something waits and half of the window is free.
    var isDue: Bool {
        self.outbox.refusals == 0 && self.outbox.isDue && self.loopbackBytes <= self.outbox.limits.windowBytes / 2
    }

    /// Bytes that have been written and have not come back.
    private var loopbackBytes: Int { max(0, self.loopback.totalBytes - self.outbox.waitingBytes) }

    // MARK: - Answers

    /// Redis has taken the oldest unanswered message.
    /// - Parameter local: gets what this node's receiver is to be given at once.
    /// - Returns: the message, done with; nil when none was unanswered.
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

    /// A later message has overtaken messages that Redis refused for a missing script: another node had loaded the script meanwhile. Receivers
    /// drop sequences below the last, so the refused ones are published again under new sequences. This node's receiver gets them now.
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

    /// Redis does not have the script of the oldest unanswered message, which keeps its place.
    /// - Returns: whether it is the first such answer, so that the script is to be loaded.
    mutating func scriptIsMissing() -> Bool {
        let isFirst = self.outbox.refusals == 0
        self.outbox.refused()
        return isFirst
    }

    /// Of the oldest unanswered message.
    var oldestUnansweredBytes: Int { self.outbox.firstUnanswered { _ in true }?.bytes.readableBytes ?? 0 }

    /// Redis has answered the oldest unanswered message, which leaves the outbox.
    mutating func removeOldestUnanswered() -> OutgoingMessage? {
        guard let message = self.outbox.answered() else { return nil }
        self.poison.answered(message.sequence)
        return message
    }

    mutating func sizeWasRefused(bytes: Int, at now: NIODeadline) { self.poison.sizeWasRefused(bytes: bytes, at: now) }

    /// A message that left the outbox unconfirmed will not come back, and this node's receiver is not to get it.
    mutating func forgetLoopback(of message: OutgoingMessage) { self.loopback.forget(message.sequence, on: message.topic) }

    // MARK: - The publisher's link

    /// - Returns: how many messages the last master had confirmed that are to be published again, before all others: receivers ignore what is
    ///   older than what they have heard of a node.
    mutating func linked(to address: RedisAddress?, at now: NIODeadline) -> Int {
        self.poison.linked(to: address)
        guard let address else { return 0 }
        defer {
            self.replayAddress = address
            self.replay?.linked()
        }
        guard let replayAddress, replayAddress != address, var messages = self.replay?.takeAll(at: now), !messages.isEmpty
        else { return 0 }
        for index in messages.indices { Envelope.countAttempt(in: &messages[index].bytes) }
        self.outbox.putBack(messages.map { ($0, $0.bytes.readableBytes) }, at: now)
        return messages.count
    }

    /// What was unanswered waits again.
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

    /// The decision has taken too long: the link counts as down.
    mutating func endDecision() { _ = self.poison.endDecision() }

    /// Removes the messages that wait and are as large as one that Redis does not take.
    mutating func removeOversized(at now: NIODeadline) -> [OutgoingMessage] {
        let poison = self.poison
        return self.outbox.removeWaiting { poison.refuses(bytes: $0.bytes.readableBytes, at: now) }
    }

    /// The link is down: messages stay, and nobody waits for them any longer.
    /// - Returns: what to call, with the outcome.
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
        self.loopback.received(sequence, on: topic, into: &envelopes)
    }

    /// This node is not subscribed to the topic any longer.
    mutating func forgetLoopback(of topic: Topic) { self.loopback.forget(topic) }

    /// - Returns: what may not come back, as a link is lost, in its order.
    mutating func takeLoopback() -> [Envelope] { self.loopback.takeAll() }

    /// Called once a second: see ``LoopbackStallDetector``. While not all topics arrive, messages may not come back for that reason.
    mutating func loopbackIsStalled(allTopicsArrive: Bool) -> Bool {
        let oldest = allTopicsArrive ? self.loopback.oldest : nil
        return self.stall.check(oldest: oldest, firstUnconfirmed: self.outbox.first?.sequence ?? .max)
    }
}
