import NIOCore
import VolaryProtocol

/// Follows the logs of all subscribed topics: passes messages to the topic's ``TopicLogStateMachine``, reads missed messages,
/// and delivers the results. Without logs it only drops duplicates. Belongs to one event loop.
final class TopicFollower {
    let context: BrokerContext
    private let subscriptions: TopicSubscriptions
    private let publisher: MessagePublisher
    private let losses: LossReporter
    let reader: LogReader
    private(set) var logs = TopicLogs()
    private var reads = LogReadQueue()
    var replays = HubReplays()
    /// Hubs whose position is being read for their replay.
    var endsUnderWay: Set<HubName> = []
    /// The filter for messages that are not logged.
    private var duplicates = DuplicateFilter()
    /// Number of the last confirmed subscription.
    private var sessions = 0
    private var subscriberLostAt: NIODeadline?

    init(
        _ context: BrokerContext,
        _ subscriptions: TopicSubscriptions,
        _ publisher: MessagePublisher,
        _ losses: LossReporter,
        _ reader: LogReader
    ) {
        self.context = context
        self.subscriptions = subscriptions
        self.publisher = publisher
        self.losses = losses
        self.reader = reader
        reader.storeBecameUnverified = { [weak self] hub in self?.logs.storeBecameUnverified(of: hub) }
        reader.messagesWereLost = { [weak self] hub in self?.messagesWereLost(in: hub) }
    }

    func start(over link: RedisLink) { self.reader.start(over: link) }

    // MARK: - Subscriptions

    /// Call when this node subscribes to the topic.
    func begin(_ topic: Topic) {
        if self.context.isLogged { self.logs.begin(topic, own: self.context.node) }
    }

    /// Call when this node unsubscribes from the topic.
    func end(_ topic: Topic) {
        self.logs.end(topic)
        self.replays.forget(topic, at: .now())
        self.goOn(with: topic.hub)
    }

    /// Call when Redis has confirmed the subscription. Callers are told when the topic's position in the log is known.
    func subscribed(to topic: Topic) {
        guard self.context.isLogged else {
            if self.subscriptions.takeInterrupted(topic) { self.losses.missed(0, gaps: 1, of: topic) }
            return self.subscriptions.becameLive(topic)
        }
        self.sessions += 1
        let session = self.sessions
        guard let (_, outcome) = self.logs.step(topic, { $0.subscribed(session: session) }) else { return }
        self.replays.update(topic.hub) { $0.confirmed(topic, at: .now()) }
        self.settle(topic, outcome)
        self.goOn(with: topic.hub)
    }

    // MARK: - Arrivals

    /// Handles a message on the topic's channel.
    /// - Parameter isLoss: whether the message counts as lost if it cannot be decoded or did not arrive.
    func received(_ arrival: LogArrival, isLoss: Bool, of topic: Topic, into envelopes: inout [Envelope]) {
        if self.context.isLogged, isLoss {
            if let position = arrival.envelope?.position { self.replays.update(topic.hub) { $0.heard(position) } }
            guard let (answer, outcome) = self.logs.step(topic, { $0.received(arrival) }) else { return }
            switch answer {
            case .nothing: break
            case .deliver(let envelope): self.pass(envelope, of: topic, into: &envelopes)
            case .output(let output): self.take(output, of: topic, into: &envelopes)
            }
            self.settle(topic, outcome)
            self.endReplay(of: topic.hub, into: &envelopes)
        } else if let envelope = arrival.envelope {
            if envelope.origin == self.context.node {
                self.publisher.cameBack(envelope.sequence, on: topic, into: &envelopes)
            } else if self.duplicates.admits(envelope.sequence, from: envelope.origin) {
                envelopes.append(envelope)
            }
        } else if isLoss {
            self.losses.missed(1, gaps: 0, of: topic)
        }
    }

    private func take(_ output: TopicLogStateMachine.Output, of topic: Topic, into envelopes: inout [Envelope]) {
        for envelope in output.envelopes { self.pass(envelope, of: topic, into: &envelopes) }
        self.losses.recovered(output.recovered)
        self.losses.missed(output.lost, gaps: output.gaps, of: topic)
        if let error = output.decodingError { self.losses.couldNotDecode(output.undecodable, error) }
    }

    /// Skips messages of this node that the receiver has already got.
    private func pass(_ envelope: Envelope, of topic: Topic, into envelopes: inout [Envelope]) {
        let count = envelopes.count
        if envelope.origin == self.context.node {
            self.publisher.cameBack(envelope.sequence, on: topic, into: &envelopes)
        } else {
            envelopes.append(envelope)
        }
        guard envelopes.count > count else { return }
        // Messages of this node that come before it have no known position.
        envelopes[envelopes.count - 1].position = topic.hub == nil ? nil : envelope.position
        guard self.replays.isActive else { return }
        let passed = envelopes[count...]
        envelopes.removeLast(passed.count)
        envelopes += passed.compactMap { self.replays.pass($0, of: topic) }
    }

    /// Acts on the state of the topic's log after a step.
    private func settle(_ topic: Topic, _ outcome: TopicLogs.Outcome) {
        self.losses.missed(outcome.lost, gaps: 0, of: topic)
        if outcome.isBehind || self.replays.isActive {
            self.replays.settled(topic, isBehind: outcome.isBehind, at: .now())
        }
        if outcome.hasRequest { self.requestIfNeeded(topic) }
        if outcome.isFollowing { self.subscriptions.becameLive(topic) } else { self.subscriptions.wasInterrupted(topic) }
    }

    // MARK: - Reading

    func requestIfNeeded(_ topic: Topic) {
        guard let request = self.logs[topic]?.request, self.reader.isReady else { return }
        if case .entries = request, !self.replays.mayRead(topic) { return }
        self.reads.append(topic)
        self.sendRequests()
    }

    private func sendRequests() {
        guard self.reader.isReady else { return }
        var hasSent = false
        while let topic = self.reads.next() {
            guard let log = self.logs[topic], let request = log.request else {
                self.reads.ended(topic)
                continue
            }
            // The closure captures the number only. Capturing the log would force a copy at each change until the answer
            // arrives.
            let session = log.session
            let isInterrupted = if case .entries = request { log.isInterrupted } else { false }
            self.reader.send(request, of: topic, isInterrupted: isInterrupted) { [weak self] answer in
                // After the loss of the link all requests are sent again on the next link.
                if let answer { self?.answered(request, of: topic, session: session, answer) }
            }
            hasSent = true
        }
        if hasSent { self.reader.flush() }
    }

    private func answered(_ request: TopicLogStateMachine.LogRequest, of topic: Topic, session: Int, _ answer: RESPValue) {
        self.reads.ended(topic)
        if case .error(let text) = answer {
            self.reader.reconnect(reason: "a log was refused: \(RedisErrorText.loggable(text))")
        } else if self.logs[topic]?.session != session {
            // The answer belongs to an earlier subscription.
            self.requestIfNeeded(topic)
        } else {
            self.take(answer, to: request, of: topic)
        }
        self.sendRequests()
    }

    private func take(_ answer: RESPValue, to request: TopicLogStateMachine.LogRequest, of topic: Topic) {
        var envelopes: [Envelope] = []
        if case .endEpoch = request {
            if let (_, outcome) = self.logs.step(topic, { $0.epochWasEnded() }) { self.settle(topic, outcome) }
        } else if let page = LogPage(answer) {
            if let (output, outcome) = self.logs.step(topic, { $0.read(page) }) {
                self.replays.update(topic.hub) { $0.progressed(at: .now()) }
                self.take(output, of: topic, into: &envelopes)
                self.settle(topic, outcome)
                self.endReplay(of: topic.hub, into: &envelopes)
            }
        } else {
            self.reader.reconnect(reason: "a log was answered with something else")
        }
        self.context.deliver(envelopes)
        self.reportSettled()
        self.context.healthChanged()
    }

    /// Call after messages have been delivered. Losses of topics whose link was lost together are reported together, when the last topic
    /// has caught up. Other losses are reported once per second.
    func reportSettled() {
        guard !self.replays.isHolding, self.subscriptions.takeSettled() else { return }
        self.losses.report()
        if self.context.isLogged { self.identifyStores() }
    }

    /// Call once per second: reports losses, checks the names of the hubs' data, and refreshes some heads.
    func housekeep() {
        for hub in Array(self.replays.hubs) { self.deliverReplay(of: hub) }
        if !self.replays.isHolding { self.losses.report() }
        guard self.context.isLogged else { return }
        if self.subscriptions.isLinked { self.identifyStores() }
        self.reader.reportObservations()
        self.reader.refreshHeads(of: self.logs.topics)
    }

    private func identifyStores() {
        self.reader.identifyStores(of: self.logs.hubs, isLive: self.subscriptions.isLinked && self.subscriptions.isSettled)
    }

    private func messagesWereLost(in hub: HubName) {
        for topic in self.logs.topics(of: hub) { self.losses.missed(0, gaps: 1, of: topic) }
    }

    // MARK: - The links

    func publisherBecameReady() {
        if self.subscriptions.isLinked { self.identifyStores() }
        for hub in Array(self.replays.hubs) {
            self.replays.update(hub) { $0.progressed(at: .now()) }
            self.goOn(with: hub)
        }
        for topic in Array(self.logs.topics) { self.requestIfNeeded(topic) }
    }

    func publisherWasLost() { self.reads.removeAll() }

    func subscriberBecameReady() {
        if let lostAt = self.subscriberLostAt, .now() - lostAt > LogBounds.headAge { self.logs.storeBecameUnverified(of: nil) }
        self.identifyStores()
    }

    func subscriberWasLost() {
        self.subscriberLostAt = .now()
        if self.context.isLogged {
            for hub in Array(self.logs.hubs) {
                let topics = self.logs.topics(of: hub)
                self.replays.unlinked(hub, topics, at: .now())
                self.reader.subscriberWasLost(hub, delivered: topics.reduce(0) { max($0, self.logs[$1]?.number ?? 0) })
            }
        }
        for topic in Array(self.logs.topics) {
            guard let (lost, outcome) = self.logs.step(topic, { $0.unlinked() }) else { continue }
            self.losses.missed(lost, gaps: 0, of: topic)
            self.settle(topic, outcome)
        }
    }
}

@available(*, unavailable)
extension TopicFollower: Sendable {}
