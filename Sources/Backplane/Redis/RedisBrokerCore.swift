import Logging
import NIOConcurrencyHelpers
import NIOCore
import Protocol

/// The part of ``RedisBroker`` that lives on its event loop: publishing and the two links' coming and going. What is received is in
/// `RedisBrokerCore+Receiving.swift`, what is subscribed to in `RedisBrokerCore+Subscribing.swift`.
final class RedisBrokerCore {
    /// How long a graceful shutdown waits for Redis' answers.
    private static let flushTime = TimeAmount.seconds(2)
    private static let housekeepingInterval = TimeAmount.seconds(1)

    let watch: RedisMasterWatch
    let configuration: RedisConfiguration
    let node: NodeID
    let shared: RedisBrokerShared
    let logger: Logger
    var publisher: RedisLink?
    var subscriber: RedisLink?
    var subscriptions = SubscriptionsStateMachine()
    var waiters: [Topic: [ObjectIdentifier: CheckedContinuation<Result<Void, BrokerError>, Never>]] = [:]
    var homeward = HomewardMessages()
    var duplicates = DuplicateFilter()
    var undecodable = OccurrenceLog(interval: .seconds(10))
    var interruptions = 0
    private(set) var isClosing = false
    private var outbox: Outbox<OutgoingMessage>
    private var sequence: UInt64 = 0
    private var expired = 0
    private var housekeeping: Scheduled<Void>?
    private var whenFlushed: (() -> Void)?
    private var isClosed = false

    init(
        watch: RedisMasterWatch,
        node: NodeID,
        shared: RedisBrokerShared,
        logger: Logger,
        outboxLimits: Outbox<OutgoingMessage>.Limits
    ) {
        self.watch = watch
        self.configuration = watch.configuration
        self.node = node
        self.shared = shared
        self.logger = logger
        self.outbox = Outbox(limits: outboxLimits)
    }

    func start() {
        guard self.publisher == nil, !self.isClosing else { return }
        self.publisher = self.makeLink("publisher", subscribes: false)
        self.subscriber = self.makeLink("subscriber", subscribes: true)
        self.publisher?.start()
        self.subscriber?.start()
        self.scheduleHousekeeping()
    }

    private func makeLink(_ role: String, subscribes: Bool) -> RedisLink {
        let link = RedisLink(
            role: role,
            to: .master(self.watch.core.value),
            configuration: self.configuration,
            eventLoop: self.shared.eventLoop,
            subscribes: subscribes,
            logger: self.logger
        )
        link.delegate = self
        return link
    }

    func channelName(of topic: Topic) -> String { "\(self.configuration.keyPrefix):\(topic.name)" }

    // MARK: - Publishing

    /// Takes what has been published since the last time: one order, one flush, one batch for the own receiver.
    func takeInbox() {
        let requests = self.shared.inbox.withLockedValue { inbox in
            defer { inbox.removeAll() }
            return inbox
        }
        var local: [Envelope] = []
        var answers: [() -> Void] = []
        for request in requests {
            let outcome = self.publish(request, local: &local)
            if let outcome, let completion = request.completion { answers.append { completion(outcome) } }
        }
        self.publisher?.flush()
        self.deliver(local)
        for answer in answers { answer() }
        if self.homeward.isOverfull { self.subscriber?.drop(reason: "own messages do not come back") }
        self.updateHealth()
    }

    /// - Returns: the outcome, when it is known already.
    private func publish(_ request: PublishRequest, local: inout [Envelope]) -> Result<PublishOutcome, BrokerError>? {
        guard !self.isClosing else { return .failure(.closed) }
        if case .publication(let publication) = request.message,
            publication.payload.readableBytes > Limits.maximumEnvelopeBytes
        {
            return .failure(.tooLarge)
        }
        let envelope = Envelope(origin: self.node, sequence: self.sequence + 1, message: request.message)
        let bytes = envelope.encoded()
        guard bytes.readableBytes <= Limits.maximumEnvelopeBytes else { return .failure(.tooLarge) }
        let isLinked = self.publisher?.isReady ?? false
        guard self.outbox.hasRoom(forBytes: bytes.readableBytes, linked: isLinked) else { return .failure(.outboxFull) }
        self.sequence += 1

        let isWanted = self.subscriptions.isWanted(request.topic)
        let comesBack = isLinked && self.subscriptions.isConfirmed(request.topic)
        let isDegraded = !isLinked || !self.subscriptions.isLinked || isWanted && !comesBack
        if comesBack {
            self.homeward.sent(envelope, on: request.topic, bytes: bytes.readableBytes)
        } else if isWanted {
            local.append(envelope)
        }
        let message = OutgoingMessage(
            topic: request.topic,
            bytes: bytes,
            completion: isLinked ? request.completion : nil,
            isDegraded: isDegraded
        )
        self.outbox.append(message, bytes: bytes.readableBytes, at: .now())
        if isLinked { self.writeWaiting() }
        return isLinked ? nil : .success(.degraded)
    }

    private func writeWaiting() {
        guard let publisher else { return }
        self.outbox.takeWaiting { message in
            var command = RESPCommand("PUBLISH", self.channelName(of: message.topic))
            command.append(message.bytes)
            publisher.send(command) { [weak self] result in self?.publishAnswered(result) }
        }
    }

    private func publishAnswered(_ result: Result<RESPValue, RedisLinkError>) {
        switch result {
        case .failure:
            // Every message of the lost link is dealt with together, in `linkWasLost`.
            break
        case .success(.integer(let receivers)):
            guard let message = self.outbox.answered() else { return }
            message.completion?(.success(message.isDegraded ? .degraded : .relayed(receivers: Int(receivers))))
            self.finishIfFlushed()
        case .success(.error(let text)):
            self.publisher?.drop(reason: "PUBLISH was refused: \(RedisErrorText.loggable(text))")
        case .success:
            self.publisher?.drop(reason: "PUBLISH was answered with something else")
        }
    }

    // MARK: - Links

    private func publisherBecameReady() {
        self.expire()
        self.writeWaiting()
        self.publisher?.flush()
    }

    private func publisherWasLost() {
        // Also those that Redis has confirmed already: delivered after the others they would be out of order.
        self.deliver(self.homeward.takeAll())
        var completions: [(Result<PublishOutcome, BrokerError>) -> Void] = []
        self.outbox.linkLost { message in
            if let completion = message.completion { completions.append(completion) }
            message.completion = nil
        }
        for completion in completions { completion(.success(.degraded)) }
    }

    // MARK: - Health

    private func scheduleHousekeeping() {
        let eventLoop = self.shared.eventLoop.assumeIsolated()
        self.housekeeping = eventLoop.scheduleTask(in: Self.housekeepingInterval) { [weak self] in
            guard let self, !self.isClosed else { return }
            self.expire()
            self.updateHealth()
            self.scheduleHousekeeping()
        }
    }

    private func expire() {
        let expired = self.outbox.expire(at: .now())
        guard expired > 0 else { return }
        self.expired += expired
        self.logger.warning("Messages expired in the outbox", metadata: [RedisLogKey.count: "\(expired)"])
    }

    func updateHealth() {
        let health = RelayHealth(
            state: self.downReason.map { .down(reason: $0) } ?? .up,
            interruptions: self.interruptions,
            waiting: self.outbox.waiting,
            expired: self.expired
        )
        self.shared.update(health)
    }

    private var downReason: String? {
        guard !self.isClosed else { return "shut down" }
        guard let publisher, let subscriber else { return "not started" }
        if !publisher.isReady { return publisher.reason }
        if !subscriber.isReady { return subscriber.reason }
        return self.subscriptions.isComplete ? nil : "not all topics are subscribed to yet"
    }

    // MARK: - Shutting down

    /// - Parameter done: called once, when everything is closed.
    func shutDown(flushing: Bool, done: @escaping () -> Void) {
        self.takeInbox()
        self.isClosing = true
        self.failAllWaiters()
        self.whenFlushed = done
        if flushing, !self.outbox.isEmpty {
            let eventLoop = self.shared.eventLoop.assumeIsolated()
            eventLoop.scheduleTask(in: Self.flushTime) { [weak self] in self?.close() }
        } else {
            self.close()
        }
    }

    private func finishIfFlushed() {
        if self.isClosing, self.outbox.isEmpty { self.close() }
    }

    private func close() {
        guard !self.isClosed else { return }
        self.isClosed = true
        self.shared.isClosed.withLockedValue { $0 = true }
        self.housekeeping?.cancel()
        self.publisher?.stop()
        self.subscriber?.stop()
        self.subscriptions.unlinked()
        self.publisherWasLost()
        self.updateHealth()
        self.whenFlushed?()
        self.whenFlushed = nil
    }
}

extension RedisBrokerCore: RedisLinkDelegate {
    func linkBecameReady(_ link: RedisLink) {
        if link === self.publisher { self.publisherBecameReady() } else { self.subscriberBecameReady() }
        self.updateHealth()
    }

    func linkWasLost(_ link: RedisLink, reason: String) {
        if link === self.publisher { self.publisherWasLost() } else { self.subscriberWasLost() }
        self.updateHealth()
    }

    func link(_ link: RedisLink, received pushes: [RedisPush]) {
        self.received(pushes)
    }
}

@available(*, unavailable)
extension RedisBrokerCore: Sendable {}
