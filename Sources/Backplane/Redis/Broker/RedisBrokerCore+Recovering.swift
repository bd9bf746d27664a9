import Logging
import NIOCore
import VolaryProtocol

/// Fetching what was missed from the topics' logs, over the publisher's link.
extension RedisBrokerCore {
    /// How long Redis knows of a topic after its last entry has expired: an hour. So long may a node be away and be sure, when Redis
    /// knows nothing, that there was nothing. Costs some 200 bytes for each topic of that hour.
    private static let headMilliseconds: Int64 = 3_600_000

    /// Of the publishing script: entries, bytes, age, and how long the head lives, both in ms; the bytes of topics without a subscriber.
    var logBounds: [String] {
        let age = TimeAmount(self.settings.historyAge).nanoseconds / 1_000_000
        return [
            "\(self.settings.historyMessages)", "\(self.settings.historyBytes)", "\(age)", "\(age + Self.headMilliseconds)",
            "\(self.settings.idleHistoryBytes)",
        ]
    }

    /// Does something to a topic's log, and with all that comes of it.
    func follow(
        _ topic: Topic,
        into envelopes: inout [Envelope],
        _ body: (inout TopicLogStateMachine, inout TopicLogStateMachine.Output) -> Void
    ) {
        // Moved out and back, so that a message costs no allocation.
        var output = self.output
        self.output = .init()
        let outcome = self.logs.step(topic, into: &output, body)
        for envelope in output.envelopes {
            if envelope.origin == self.node {
                self.loopback.received(envelope.sequence, on: topic, into: &envelopes)
            } else {
                envelopes.append(envelope)
            }
        }
        self.recovered += output.recovered
        self.missed(output.lost, gaps: output.gaps, of: topic)
        if let error = output.decodingError { self.couldNotDecode(output.undecodable, error) }
        output.clear()
        self.output = output
        guard let outcome else { return }
        if outcome.hasWish { self.requestIfNeeded(topic) }
        if outcome.isFollowing { self.becameLive(topic) } else { self.unsettled.interrupted(topic) }
    }

    // MARK: - Reading

    func requestIfNeeded(_ topic: Topic) {
        guard self.logs[topic]?.wish != nil, self.publisher?.isReady ?? false else { return }
        self.reads.append(topic)
        self.sendReads()
    }

    private func sendReads() {
        guard let publisher, publisher.isReady else { return }
        var hasSent = false
        while let topic = self.reads.next() {
            guard let log = self.logs[topic], let wish = log.wish else {
                self.reads.ended(topic)
                continue
            }
            self.send(wish, of: topic, log: log, over: publisher)
            hasSent = true
        }
        if hasSent { publisher.flush() }
    }

    private func send(
        _ wish: TopicLogStateMachine.LogRequest,
        of topic: Topic,
        log: TopicLogStateMachine,
        over publisher: RedisLink
    ) {
        let keys = self.keys(of: topic).all
        var command: RESPCommand
        switch wish {
        case .head:
            command = self.scripts.command(.readLog, keys: keys)
            for argument in ["", "last", "1", "1", "\(Limits.maximumEnvelopeBytes)"] { command.append(argument) }
            command.append(self.logBounds[3])
        case .entries(let position):
            command = self.scripts.command(.readLog, keys: keys)
            if let position { command.append(bytesOf: position.epoch) } else { command.append("") }
            for bound in [position.map { Int($0.offset) } ?? 0, LogPage.entries, LogPage.bytes, Limits.maximumEnvelopeBytes] {
                command.append("\(bound)")
            }
            command.append(self.logBounds[3])
        case .endEpoch(let epoch):
            self.logger.warning("A topic's log has two histories: Redis has lost the end of one")
            command = self.scripts.command(.endEpoch, keys: keys)
            command.append(bytesOf: epoch)
            self.nextEpoch &+= 1
            command.append(bytesOf: self.nextEpoch)
            command.append(self.logBounds[3])
        }
        // Not the log itself: it would be copied with each change until the answer comes.
        let session = log.session
        guard log.isInterrupted, case .entries = wish else {
            return publisher.send(command) { [weak self] in self?.answered(wish, of: topic, session: session, $0) }
        }
        // What it means that there is no log depends on whether Redis is still the one that it was, after the log was read.
        var page: Result<RESPValue, RedisLinkError>?
        publisher.send(command) { page = $0 }
        publisher.send(RESPCommand("GET", LogKeys.store(prefix: self.configuration.keyPrefix))) { [weak self] result in
            guard case .success(let name) = result, let page else { return }
            self?.storeIsNamed(name.text ?? "")
            self?.answered(wish, of: topic, session: session, page)
        }
    }

    private func answered(
        _ wish: TopicLogStateMachine.LogRequest,
        of topic: Topic,
        session: Int,
        _ result: Result<RESPValue, RedisLinkError>
    ) {
        // The link is lost: all that is wished for is asked of the next.
        guard case .success(let value) = result else { return }
        self.reads.ended(topic)
        if case .error(let text) = value {
            self.wasRefused(text, topic)
        } else if self.logs[topic]?.session != session {
            // An earlier subscription's.
            self.requestIfNeeded(topic)
        } else {
            self.take(value, for: wish, of: topic)
        }
        self.sendReads()
    }

    private func wasRefused(_ text: String, _ topic: Topic) {
        guard let publisher else { return }
        guard RedisErrorText.code(text) == "NOSCRIPT" else {
            return publisher.drop(reason: "a log was refused: \(RedisErrorText.loggable(text))")
        }
        for script in [RedisScript.readLog, .endEpoch] { self.scripts.remove(script) }
        self.scripts.load([.readLog, .endEpoch], over: publisher)
        self.requestIfNeeded(topic)
    }

    private func take(_ answer: RESPValue, for wish: TopicLogStateMachine.LogRequest, of topic: Topic) {
        var envelopes: [Envelope] = []
        if case .endEpoch = wish {
            self.follow(topic, into: &envelopes) { log, _ in log.epochWasEnded() }
        } else if let page = LogPage(answer) {
            self.follow(topic, into: &envelopes) { $0.read(page, into: &$1) }
        } else {
            self.publisher?.drop(reason: "a log was answered with something else")
        }
        self.deliver(envelopes)
        self.tellMissedIfSettled()
        self.updateHealth()
    }

    // MARK: - What this node wants

    /// Says again, once a second for a part of the topics and for each a few times in the life of a head, that this node wants them.
    func wantTopics() {
        guard let publisher, publisher.isReady, self.isLogged else { return }
        if self.toWant.isEmpty { self.toWant = Array(self.logs.topics)[...] }
        // All in a quarter of an hour.
        let count = min(max(1, self.logs.topics.count / 900), 1000)
        let heads = self.toWant.prefix(count).map { self.keys(of: $0).head }
        self.toWant = self.toWant.dropFirst(count)
        guard !heads.isEmpty else { return }
        var command = self.scripts.command(.want, keys: heads)
        command.append(self.logBounds[3])
        publisher.send(command) { [weak self] result in
            guard case .success(.error(let text)) = result, RedisErrorText.code(text) == "NOSCRIPT", let self else { return }
            self.scripts.remove(.want)
            if let publisher = self.publisher { self.scripts.load([.want], over: publisher) }
        }
        publisher.flush()
    }

    // MARK: - The store

    /// Asks whether Redis is the one that it was. Answered before any log is read that is asked for later.
    func checkStoreIdentity() {
        guard let publisher, publisher.isReady, self.subscriptions.isLinked else { return }
        var command = self.scripts.command(.identify, keys: LogKeys.storeKeys(prefix: self.configuration.keyPrefix))
        self.nextEpoch &+= 1
        command.append("\(self.nextEpoch)")
        publisher.send(command) { [weak self] result in
            guard case .success(let value) = result else { return }
            self?.storeIsNamed(value.text ?? "")
        }
        publisher.flush()
    }

    private func storeIsNamed(_ name: String) {
        if let storeName, name.isEmpty || name != storeName { self.markStoreUnverified() }
        self.storeName = name
    }

    private func markStoreUnverified() {
        self.logs.storeBecameUnverified()
    }

    func subscriberReturned() {
        if let lostAt = self.subscriberLostAt, .now() - lostAt > .milliseconds(Self.headMilliseconds) {
            self.markStoreUnverified()
        }
        self.checkStoreIdentity()
    }

    /// The subscriber's link is lost.
    func unlinkLogs() {
        self.subscriberLostAt = .now()
        var envelopes: [Envelope] = []
        for topic in Array(self.logs.topics) { self.follow(topic, into: &envelopes) { $0.unlinked(into: &$1) } }
        self.deliver(envelopes)
    }
}
