import Logging
import NIOConcurrencyHelpers
import NIOCore
import VolaryProtocol

extension RedisBrokerCore {
    /// Between two turns, at least: 100 us.
    private static let minimumPause = TimeAmount.microseconds(100)

    /// While much waits for Redis: 2 ms, in which it answers some eighty messages.
    private static let heldBackPause = TimeAmount.milliseconds(2)

    /// Takes what has been published since the last time, a turn's worth of it; the rest in later turns of the loop.
    ///
    /// While a whole window waits in the outbox, where the order is settled, the rest stays where senders take turns.
    func takeInbox() {
        let start = NIODeadline.now()
        let isHeldBack = self.isPublisherReady && self.outbox.hasWindowWaiting
        let (turn, rest) = self.shared.inbox.withLockedValue { (isHeldBack ? [] : $0.takeTurn(), $0.count) }
        self.publish(turn)
        self.updateHealth()
        guard rest > 0 else { return }
        // A task that is due at once would run before the loop looks at its sockets again.
        let pause = isHeldBack ? Self.heldBackPause : max(.now() - start, Self.minimumPause)
        self.shared.eventLoop.assumeIsolated().scheduleTask(in: pause) { [weak self] in self?.takeInbox() }
    }

    /// Takes all that has been published.
    func takeWholeInbox() {
        self.publish(self.shared.inbox.withLockedValue { $0.take() })
    }

    /// Publishes what waited for a subscription of this node's own, as far as it need not wait any longer.
    ///
    /// While SUBSCRIBE is under way, nobody knows whether what is published now will come back. What is published once it is confirmed does:
    /// this node's clients get it, once and in the order of all others, and its receipt is one of those that Redis counts. The wait is one
    /// round trip. It ends with either link too.
    /// - Parameter untilConfirmed: false: nothing waits any longer.
    func publishHeld(untilConfirmed: Bool = true) {
        guard self.held.count > 0 else { return }
        self.publish(self.held.take(), holds: untilConfirmed)
    }

    /// One order, one flush, one batch for the own receiver.
    private func publish(_ requests: [PublishRequest], holds: Bool = true) {
        var local: [Envelope] = []
        var answers: [() -> Void] = []
        for request in requests {
            let outcome = self.publish(request, holds: holds, local: &local)
            if let outcome, let completion = request.completion { answers.append { completion(outcome) } }
        }
        self.publisher?.flush()
        self.deliver(local)
        for answer in answers { answer() }
    }

    /// - Parameters:
    ///   - holds: whether it may wait for this node's own subscription to its topic.
    ///   - local: gets what this node's receiver is to be given at once.
    /// - Returns: the outcome, when it is known already.
    private func publish(
        _ request: PublishRequest,
        holds: Bool,
        local: inout [Envelope]
    ) -> Result<PublishOutcome, BrokerError>? {
        guard !self.isClosing else { return .failure(.closed) }
        if case .publication(let publication) = request.message,
            publication.payload.readableBytes > Limits.maximumEnvelopeBytes
        {
            return .failure(.tooLarge)
        }
        // What waits for the fate of a suspect is as on a link that is slow.
        let isLinked = self.isPublisherReady || self.decisionTimer != nil
        let isWanted = self.subscriptions.isWanted(request.topic)
        let isConfirmed = self.subscriptions.isConfirmed(request.topic)
        if holds, isLinked, self.subscriptions.isLinked, isWanted, !isConfirmed {
            return self.held.append(request) ? nil : .failure(.outboxFull)
        }
        let sender = request.message.sender
        func hasRoom(_ bytes: Int) -> Bool { self.outbox.hasRoom(forBytes: bytes, of: sender, linked: isLinked) }
        // Before it is encoded: a flood that has no room costs little.
        guard hasRoom(request.message.payloadBytes) else { return .failure(.outboxFull) }
        let envelope = Envelope(origin: self.node, sequence: self.sequence + 1, message: request.message)
        let bytes = envelope.encoded()
        guard bytes.readableBytes <= Limits.maximumEnvelopeBytes, !self.suspect.refuses(bytes: bytes.readableBytes, at: .now())
        else { return .failure(.tooLarge) }
        guard hasRoom(bytes.readableBytes) else { return .failure(.outboxFull) }
        self.sequence += 1

        let comesBack = isLinked && isConfirmed
        let isDegraded = !isLinked || !self.subscriptions.isLinked || isWanted && !comesBack
        if comesBack {
            self.loopback.sent(envelope, on: request.topic, bytes: bytes.readableBytes)
        } else if isWanted {
            local.append(envelope)
        }
        let message = OutgoingMessage(
            topic: request.topic,
            sequence: envelope.sequence,
            bytes: bytes,
            completion: isLinked ? request.completion : nil,
            isDegraded: isDegraded,
            isWanted: isWanted,
            isLogged: self.isLogged && request.message.isWorthLogging
        )
        self.outbox.append(message, bytes: bytes.readableBytes, of: sender, at: .now())
        self.writeWaiting()
        return isLinked ? nil : .success(.degraded(here: isWanted))
    }

    private var isPublisherReady: Bool { self.publisher?.isReady ?? false }

    /// A message under suspicion goes alone, when all before it have been answered, and before all others.
    ///
    /// What has not come back counts into the window as well: what this node does not read piles up in Redis, which then closes the
    /// subscriber's connection.
    private func writeWaiting() {
        guard let publisher, publisher.isReady else { return }
        if let suspect = self.suspect.sequence, let first = self.outbox.first, first.sequence > suspect { self.suspect.clear() }
        let suspect = self.suspect.sequence
        var room = self.outbox.limits.windowBytes - self.bytesOnTheirWayBack
        func mayGo(_ message: OutgoingMessage, behind unanswered: Int) -> Bool {
            guard room > 0 else { return false }
            guard let suspect else { return true }
            return message.sequence < suspect || message.sequence == suspect && unanswered == 0
        }
        self.outbox.takeWaiting(while: mayGo) { message in
            room -= message.bytes.readableBytes
            publisher.send(self.command(for: message)) { [weak self] result in self?.publishAnswered(result) }
        }
    }

    /// Of own messages that have been written, and have not come back.
    private var bytesOnTheirWayBack: Int { max(0, self.loopback.totalBytes - self.outbox.waitingBytes) }

    /// Writes what waits, once half of the window is free.
    func goOnWriting() {
        guard self.outbox.refusals == 0, self.outbox.isDue, self.isPublisherReady,
            self.bytesOnTheirWayBack <= self.outbox.limits.windowBytes / 2
        else { return }
        self.writeWaiting()
        self.publisher?.flush()
    }

    private func command(for message: OutgoingMessage) -> RESPCommand {
        let keys = self.keys(of: message.topic)
        var command: RESPCommand
        if message.isLogged {
            // All nodes always want what is for everybody.
            let store = message.topic == .all ? [] : LogKeys.storeKeys(prefix: self.configuration.keyPrefix)
            command = self.scripts.command(.publish, keys: keys.all + store)
            command.append(keys.channel)
            command.append(message.bytes)
            self.nextEpoch &+= 1
            command.append(bytesOf: self.nextEpoch)
            for bound in self.logBounds { command.append(bound) }
        } else {
            command = RESPCommand("PUBLISH", keys.channel)
            command.append(message.bytes)
        }
        return command
    }

    private func publishAnswered(_ result: Result<RESPValue, RedisLinkError>) {
        switch result {
        case .failure:
            // Every message of the lost link is dealt with together, in `linkWasLost`.
            break
        case .success(.integer(let receivers)):
            self.wasPublished(receivers: receivers)
        case .success(.array(let answer)) where answer.count == 3 && answer[2].integer != nil:
            self.wasPublished(receivers: answer[2].integer ?? 0)
        case .success(.error(let text)) where RedisErrorText.code(text) == "NOSCRIPT":
            // Somebody has emptied Redis' cache of scripts. What is under way behind this message fails alike; then all of it is sent anew.
            if self.outbox.refusals == 0, let publisher {
                self.scripts.remove(.publish)
                self.scripts.load([.publish], over: publisher)
                publisher.flush()
            }
            self.outbox.refused()
            self.goOnWriting()
        case .success(.error(let text)):
            self.messageWasRefused(text)
        case .success:
            self.publisher?.drop(reason: "a message was answered with something else")
        }
    }

    private func wasPublished(receivers: Int64) {
        let overtaken = self.outbox.refusals > 0 ? self.outbox.removeRefused() : []
        guard var message = self.outbox.answered() else { return }
        self.answered(message)
        if !overtaken.isEmpty { self.publishAnew(overtaken) }
        let isDegraded = message.isDegraded
        message.completion?(.success(isDegraded ? .degraded(here: message.isWanted) : .relayed(receivers: Int(receivers))))
        if message.isLogged {
            message.completion = nil
            self.confirmed?.append(message, bytes: message.bytes.readableBytes, at: .now())
        }
        self.finishIfFlushed()
        self.goOnWriting()
    }

    /// Another node has had Redis learn the script again while later messages were under way. Under their own sequences receivers would take
    /// those that were refused for duplicates; Redis certainly has not carried them out, so they get others. This node's clients have them
    /// in their place.
    private func publishAnew(_ overtaken: [OutgoingMessage]) {
        var local: [Envelope] = []
        for message in overtaken {
            guard let old = try? Envelope(decoding: message.bytes) else { continue }
            self.loopback.received(old.sequence, on: message.topic, into: &local)
            self.sequence += 1
            let bytes = Envelope(origin: self.node, sequence: self.sequence, message: old.message).encoded()
            let renewed = OutgoingMessage(
                topic: message.topic,
                sequence: self.sequence,
                bytes: bytes,
                completion: message.completion,
                isDegraded: message.isDegraded,
                isWanted: message.isWanted,
                isLogged: message.isLogged
            )
            self.outbox.append(renewed, bytes: bytes.readableBytes, of: old.message.sender, at: .now())
        }
        self.deliver(local)
    }

    // MARK: - The link

    func publisherBecameReady() {
        self.suspect.linked(to: self.publisher?.address)
        if self.isLogged, let publisher {
            self.scripts.load(RedisScript.log, over: publisher)
            self.checkStoreIdentity()
            for topic in Array(self.logs.topics) { self.requestIfNeeded(topic) }
        }
        self.expire()
        self.publishConfirmedAgain()
        self.writeWaiting()
        self.publisher?.flush()
    }

    /// After a fail-over: before anything else, since what is older than what a node has heard of its origin is passed over.
    private func publishConfirmedAgain() {
        guard let address = self.publisher?.address else { return }
        defer {
            self.confirmedAt = address
            self.confirmed?.linked()
        }
        guard let confirmedAt, confirmedAt != address, var messages = self.confirmed?.takeAll(at: .now()), !messages.isEmpty
        else { return }
        for index in messages.indices { Envelope.countAttempt(in: &messages[index].bytes) }
        self.outbox.putBack(messages.map { ($0, $0.bytes.readableBytes) }, at: .now())
        self.logger.info("What the last master confirmed is published again", metadata: [RedisLogKey.count: "\(messages.count)"])
    }

    func publisherWasLost(_ loss: RedisLinkLoss) {
        self.scripts.removeAll()
        self.reads.removeAll()
        self.confirmed?.linkLost(at: .now())
        let large = self.outbox.firstUnanswered { $0.bytes.readableBytes >= SuspectMessage.minimumBytes }
        let verdict = self.suspect.connectionEnded(
            isByPeer: loss.isByPeer,
            message: large.map { ($0.sequence, $0.bytes.readableBytes) },
            isAlone: self.outbox.unanswered == 1,
            at: .now()
        )
        self.outbox.linkLost { Envelope.countAttempt(in: &$0.bytes) }
        switch verdict {
        case .linkIsDown: self.publisherIsDown()
        case .wait: self.decideSoon()
        case .giveUp: self.giveUpRefused()
        }
    }

    /// This node's clients get what was under way, and whoever waits is told.
    func publisherIsDown() {
        self.decisionTimer?.cancel()
        self.decisionTimer = nil
        // Also those that Redis has confirmed already: delivered after the others they would be out of order.
        self.deliver(self.loopback.takeAll())
        var answers: [() -> Void] = []
        self.outbox.updateAll { message in
            let isWanted = message.isWanted
            if let completion = message.completion { answers.append { completion(.success(.degraded(here: isWanted))) } }
            message.completion = nil
        }
        for answer in answers { answer() }
    }

    /// Not while it is being decided whether the link is down: somebody waits for these messages then.
    func expire() {
        guard self.decisionTimer == nil else { return }
        let expired = self.outbox.expire(at: .now())
        if expired > 0 { self.count(expired: expired, "Messages expired in the outbox") }
    }

    func count(expired: Int, _ text: Logger.Message) {
        self.expired += expired
        self.logger.warning(text, metadata: [RedisLogKey.count: "\(expired)"])
    }
}

extension NodeMessage {
    /// Whether somebody who was away wants it afterwards. Nobody waits for a receipt that long, and who was away did not answer.
    var isWorthLogging: Bool {
        switch self {
        case .publication, .close, .membership, .drain: true
        case .receipts, .probe: false
        }
    }
}
