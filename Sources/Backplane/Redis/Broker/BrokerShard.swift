import Logging
import NIOConcurrencyHelpers
import NIOCore
import VolaryProtocol

/// The part of a ``RedisBroker`` for one Redis master, on one event loop. It has two links and the objects that own the state.
/// It connects these objects with the links, and shuts them down. Each other task has its own object:
///
/// - ``PublishIntake``, ``MessagePublisher``: publish messages from the inbox to Redis, in one order.
/// - ``TopicSubscriptions``: subscribes to topics.
/// - ``MessageReceiver``, ``TopicFollower``: deliver messages in the order of the log, and read missed messages from it.
/// - ``HistoryReader``: reads what was published before a connection came.
/// - ``LossReporter``: reports lost messages.
/// - ``CanaryMonitor``: checks that the path through Redis works.
/// - ``BrokerHealthReporter``: reports the health.
final class BrokerShard {
    /// Maximum time for which a graceful shutdown waits for answers of Redis: 2 s.
    private static let flushTime = TimeAmount.seconds(2)
    private static let housekeepingInterval = TimeAmount.seconds(1)

    private struct Links {
        let publisher: RedisLink
        let subscriber: RedisLink
    }

    private enum State {
        case open
        /// The parameter is called when everything is closed.
        case closing(() -> Void)
        case closed
    }

    private let resolver: MasterResolver
    private let context: BrokerContext
    private let subscriptions: TopicSubscriptions
    private let publisher: MessagePublisher
    private let intake: PublishIntake
    private let follower: TopicFollower
    private let history: HistoryReader
    private let canary: CanaryMonitor
    private let receiver: MessageReceiver
    private let health: BrokerHealthReporter
    private var links: Links?
    private var state = State.open
    private var housekeeping: Scheduled<Void>?

    init(
        resolver: MasterResolver,
        settings: BrokerSettings,
        node: NodeID,
        shared: RedisBrokerShared,
        logger: Logger,
        outboxLimits: Outbox<OutgoingMessage>.Limits
    ) {
        let prefix = resolver.configuration.keyPrefix
        let context = BrokerContext(node: node, settings: settings, keyPrefix: prefix, shared: shared, logger: logger)
        let replays = if case .master = resolver.configuration.target { true } else { false }
        let scripts = RedisScriptCache(configuration: resolver.configuration)
        let subscriptions = TopicSubscriptions(context)
        let losses = LossReporter(context)
        let publisher = MessagePublisher(context, scripts: scripts, losses: losses, limits: outboxLimits, replays: replays)
        let reader = LogReader(context, scripts: scripts)
        self.resolver = resolver
        self.context = context
        self.subscriptions = subscriptions
        self.publisher = publisher
        self.intake = PublishIntake(context, subscriptions, publisher, maximumBytes: outboxLimits.waitingBytes)
        self.follower = TopicFollower(context, subscriptions, publisher, losses, reader)
        self.history = HistoryReader(context, scripts: scripts)
        self.canary = CanaryMonitor(context)
        self.receiver = MessageReceiver(context, subscriptions, self.follower, publisher, self.intake, self.canary, losses)
        self.health = BrokerHealthReporter(shared, subscriptions, publisher, self.intake, losses, self.canary)
        context.healthChanged = { [weak health = self.health] in health?.update() }
        self.publisher.countsAsDown = { [weak self] in
            self?.intake.publishPending()
            self?.health.update()
        }
    }

    func start() {
        guard self.links == nil, case .open = self.state else { return }
        let links = Links(
            publisher: self.link("publisher", subscribes: false),
            subscriber: self.link("subscriber", subscribes: true)
        )
        self.links = links
        self.health.start(publisher: links.publisher, subscriber: links.subscriber)
        self.publisher.start(over: links.publisher)
        self.follower.start(over: links.publisher)
        self.history.start(over: links.publisher)
        self.subscriptions.start(over: links.subscriber)
        self.receiver.start(over: links.subscriber)
        links.publisher.start()
        links.subscriber.start()
        self.scheduleHousekeeping()
        self.canary.start(publisher: links.publisher, subscriber: links.subscriber)
    }

    private func link(_ role: String, subscribes: Bool) -> RedisLink {
        let link = RedisLink(
            role: role,
            to: .master(self.resolver.core.value),
            configuration: self.resolver.configuration,
            eventLoop: self.context.shared.eventLoop,
            subscribes: subscribes,
            logger: self.context.logger
        )
        link.delegate = self
        return link
    }

    // MARK: - Calls of the broker's user

    /// Call when the inbox has messages.
    func takeInbox() { self.intake.takeInbox() }

    func subscribe(to topic: Topic, waiter: SubscriptionWaiter, continuation: TopicSubscriptions.Continuation) {
        guard !waiter.isCancelled else { return continuation.resume(returning: .failure(.cancelled)) }
        guard case .open = self.state else { return continuation.resume(returning: .failure(.closed)) }
        self.follower.begin(topic)
        if !self.subscriptions.isWanted(topic) { self.publisher.subscribing(to: topic) }
        self.subscriptions.subscribe(to: topic, waiter: waiter, continuation: continuation)
    }

    /// The topic stays subscribed while other callers wait for it. When the last waiter is canceled, the subscription ends,
    /// also for callers that subscribed to it before the link was lost.
    func cancelWaiter(_ waiter: SubscriptionWaiter, of topic: Topic) {
        guard let (continuation, isLast) = self.subscriptions.removeWaiter(waiter, of: topic) else { return }
        if isLast { self.unsubscribe(from: topic) }
        continuation.resume(returning: .failure(.cancelled))
    }

    func unsubscribe(from topic: Topic) {
        self.subscriptions.unsubscribe(from: topic)
        self.follower.end(topic)
        self.publisher.unsubscribed(from: topic)
        self.intake.publishPending()
        self.health.update()
    }

    func read(_ request: HistoryReader.Request) { self.history.read(request) }

    // MARK: - Housekeeping

    private func scheduleHousekeeping() {
        self.housekeeping = self.context.schedule(in: Self.housekeepingInterval) { [weak self] in
            guard let self, !self.isClosed else { return }
            self.publisher.expire()
            if self.publisher.loopbackIsStalled(allTopicsArrive: self.subscriptions.isSettled) {
                self.links?.subscriber.reconnect(reason: "own messages do not come back")
            }
            self.follower.housekeep()
            self.health.update()
            self.scheduleHousekeeping()
        }
    }

    // MARK: - Shutting down

    private var isClosed: Bool { if case .closed = self.state { true } else { false } }

    /// - Parameter done: called once, when everything is closed.
    func shutDown(flushing: Bool, done: @escaping () -> Void) {
        self.intake.close()
        self.state = .closing(done)
        self.subscriptions.failAllWaiters()
        guard flushing else { return self.close() }
        self.publisher.notify { [weak self] in self?.close() }
        guard !self.isClosed else { return }
        _ = self.context.schedule(in: Self.flushTime) { [weak self] in self?.close() }
    }

    private func close() {
        guard case .closing(let done) = self.state else { return }
        self.state = .closed
        self.health.stop()
        self.context.shared.isClosed.withLockedValue { $0 = true }
        self.housekeeping?.cancel()
        self.canary.stop()
        self.links?.publisher.stop()
        self.links?.subscriber.stop()
        self.subscriptions.linkWasLost()
        self.history.linkWasLost()
        self.publisher.stop()
        self.health.update()
        done()
    }
}

extension BrokerShard: RedisLinkDelegate {
    func linkBecameReady(_ link: RedisLink) {
        if link === self.links?.publisher {
            if self.context.isLogged {
                self.publisher.loadScripts()
                self.follower.publisherBecameReady()
            }
            self.publisher.linkBecameReady()
        } else {
            self.subscriptions.linkBecameReady()
            if self.context.isLogged { self.follower.subscriberBecameReady() }
        }
        self.canary.linkBecameReady()
        self.health.update()
    }

    func linkWasLost(_ link: RedisLink, _ loss: RedisLinkLoss) {
        self.canary.linkWasLost()
        if link === self.links?.publisher {
            self.follower.publisherWasLost()
            self.history.linkWasLost()
            self.publisher.linkWasLost(loss)
        } else {
            self.health.subscriberWasLost()
            self.subscriptions.linkWasLost()
            self.follower.subscriberWasLost()
            self.publisher.deliverLoopback()
        }
        self.intake.publishPending()
        self.health.update()
    }

    func linkDidNotConnect(_ link: RedisLink) {
        if link === self.links?.publisher { self.publisher.linkDidNotConnect() }
    }

    func link(_ link: RedisLink, received pushes: [RedisPush]) {
        self.receiver.received(pushes)
    }
}

@available(*, unavailable)
extension BrokerShard: Sendable {}
