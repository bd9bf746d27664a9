import Logging
import NIOConcurrencyHelpers
import NIOCore
import VolaryProtocol

/// The part of ``RedisBroker`` that lives on its event loop: the two links' coming and going, health and the end. Each other subject has
/// a file of its own: publishing, subscribing, receiving, recovering what was missed.
final class RedisBrokerCore {
    /// How long a graceful shutdown waits for Redis' answers.
    private static let flushTime = TimeAmount.seconds(2)
    private static let housekeepingInterval = TimeAmount.seconds(1)

    let watch: MasterResolver
    let configuration: RedisConfiguration
    let settings: BrokerSettings
    let node: NodeID
    let shared: RedisBrokerShared
    let logger: Logger
    /// Learnt over the publisher's link.
    let scripts = RedisScriptCache()
    private(set) var publisher: RedisLink?
    private(set) var subscriber: RedisLink?
    private(set) var isClosing = false
    private(set) var interruptions = 0
    private var housekeeping: Scheduled<Void>?
    private var whenFlushed: (() -> Void)?
    private var isClosed = false

    // Publishing
    /// The oldest own message that had not come back at the last look, and at how many looks in a row.
    var overdue: (sequence: UInt64, looks: Int)?
    var outbox: Outbox<OutgoingMessage>
    /// Kept where sentinels may name another master.
    var confirmed: FailoverReplayBuffer<OutgoingMessage>?
    /// Where they were confirmed.
    var confirmedAt: RedisAddress?
    var loopback = LoopbackBuffer()
    var suspect = SuspectMessage()
    /// While it waits for what becomes of a suspect, the publisher's link counts as up, if slow.
    var decisionTimer: Scheduled<Void>?
    var givenUp = LogThrottle(interval: .seconds(10))
    var sequence: UInt64 = 0
    /// Names a log that has to begin; another one for each message.
    var nextEpoch = UInt64.random(in: .min ... .max)
    var expired = 0

    // Subscribing
    var subscriptions = SubscriptionsStateMachine()
    /// By channel, those that are wanted.
    var topics: [String: Topic] = [:]
    /// By channel, those that are not wanted any more, until Redis has acknowledged it: a channel alone does not say whose it is.
    var leavingTopics: [String: Topic] = [:]
    /// Those that were confirmed when the link was lost, where nothing tells what they missed.
    var interrupted: Set<Topic> = []
    var waiters: [Topic: [ObjectIdentifier: CheckedContinuation<Result<Void, BrokerError>, Never>]] = [:]
    var unsettled: UnsettledTopics
    /// Published to topics whose SUBSCRIBE is under way, and not written yet: see ``publishHeld()``.
    var held: PublishInbox

    // The canary
    /// A channel of the broker's own, since its user may not want the node's topic; and the name of the key that is deleted, which is never
    /// there.
    let canaryChannel: String
    var canary: CanaryStateMachine
    var canaryTimer: Scheduled<Void>?
    var canarySentAt = NIODeadline.uptimeNanoseconds(0)
    /// Why Redis did not take the last one.
    var canaryRefusal: String?
    /// How long the last one was on its way.
    var lag: TimeAmount?

    // Receiving
    var duplicates = DuplicateFilter()
    /// Messages in this node's name that it has not sent.
    var impostors = LogThrottle(interval: .seconds(10))
    var undecodable = LogThrottle(interval: .seconds(10))
    var missed: [Topic: Missed] = [:]
    /// The last topic that the health waited for has become live: what was missed is to be told.
    var hasSettled = false
    var missedLog = LogThrottle(interval: .seconds(10))
    /// As ``lost``, when the last line was logged.
    var lostAtLastLine = 0
    var lost = 0
    var gaps = 0
    var recovered = 0

    // Recovering
    /// Those whose turn has not come: see ``wantTopics()``.
    var toWant: ArraySlice<Topic> = []
    /// Of every topic that is wanted, unless messages are not logged.
    var logs = TopicLogs()
    var reads = LogReadQueue()
    var output = TopicLogStateMachine.Output()
    var sessions = 0
    var storeName: String?
    var subscriberLostAt: NIODeadline?

    init(
        watch: MasterResolver,
        settings: BrokerSettings,
        node: NodeID,
        shared: RedisBrokerShared,
        logger: Logger,
        outboxLimits: Outbox<OutgoingMessage>.Limits
    ) {
        self.watch = watch
        self.configuration = watch.configuration
        self.settings = settings
        self.node = node
        self.shared = shared
        self.logger = logger
        self.outbox = Outbox(limits: outboxLimits)
        self.held = PublishInbox(maximumBytes: outboxLimits.waitingBytes)
        self.unsettled = UnsettledTopics(own: node)
        if case .master = watch.configuration.target { self.confirmed = FailoverReplayBuffer() }
        self.canaryChannel = "\(LogKeys(.node(node), prefix: watch.configuration.keyPrefix).channel):canary"
        self.canary = CanaryStateMachine(interval: TimeAmount(settings.canaryInterval))
    }

    func start() {
        guard self.publisher == nil, !self.isClosing else { return }
        self.publisher = self.makeLink("publisher", subscribes: false)
        self.subscriber = self.makeLink("subscriber", subscribes: true)
        self.publisher?.start()
        self.subscriber?.start()
        self.scheduleHousekeeping()
        self.scheduleCanary()
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

    var isLogged: Bool { self.settings.delivery == .logged }

    func keys(of topic: Topic) -> LogKeys { LogKeys(topic, prefix: self.configuration.keyPrefix) }

    // MARK: - Health

    private func scheduleHousekeeping() {
        let eventLoop = self.shared.eventLoop.assumeIsolated()
        self.housekeeping = eventLoop.scheduleTask(in: Self.housekeepingInterval) { [weak self] in
            guard let self, !self.isClosed else { return }
            self.expire()
            self.watchLoopback()
            self.wantTopics()
            self.tellMissed()
            self.updateHealth()
            self.scheduleHousekeeping()
        }
    }

    func updateHealth() {
        let health = BrokerHealth(
            state: self.downReason.map { .down(reason: $0) } ?? .up,
            interruptions: self.interruptions,
            waiting: self.outbox.waiting + self.held.count,
            pending: self.unsettled.pending.count,
            expired: self.expired,
            lost: self.lost,
            gaps: self.gaps,
            recovered: self.recovered,
            lag: self.lag.map { .nanoseconds($0.nanoseconds) }
        )
        self.shared.update(health)
    }

    private var downReason: String? {
        guard !self.isClosed else { return "shut down" }
        guard let publisher, let subscriber else { return "not started" }
        if !publisher.isReady { return publisher.reason }
        if !subscriber.isReady { return subscriber.reason }
        guard self.unsettled.required.isEmpty else {
            return "not all topics are subscribed to yet, or what was missed is being fetched"
        }
        return self.canary.isProven ? nil : self.canaryRefusal ?? "nothing has come back through Redis yet"
    }

    // MARK: - Shutting down

    /// - Parameter done: called once, when everything is closed.
    func shutDown(flushing: Bool, done: @escaping () -> Void) {
        self.takeWholeInbox()
        self.publishHeld(untilConfirmed: false)
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

    func finishIfFlushed() {
        if self.isClosing, self.outbox.isEmpty { self.close() }
    }

    private func close() {
        guard !self.isClosed else { return }
        self.isClosed = true
        self.shared.isClosed.withLockedValue { $0 = true }
        self.housekeeping?.cancel()
        self.canaryTimer?.cancel()
        self.decisionTimer?.cancel()
        self.publisher?.stop()
        self.subscriber?.stop()
        self.subscriptions.unlinked()
        self.publisherWasLost(RedisLinkLoss(reason: "shut down"))
        if !self.outbox.isEmpty {
            self.count(
                expired: self.outbox.waiting,
                "The node ends with messages that Redis has not confirmed: other nodes may lack them"
            )
        }
        self.updateHealth()
        self.whenFlushed?()
        self.whenFlushed = nil
    }
}

extension RedisBrokerCore: RedisLinkDelegate {
    func linkBecameReady(_ link: RedisLink) {
        if link === self.publisher { self.publisherBecameReady() } else { self.subscriberBecameReady() }
        self.canaryLinkBecameReady()
        self.updateHealth()
    }

    func linkWasLost(_ link: RedisLink, _ loss: RedisLinkLoss) {
        self.canary.unlinked()
        if link === self.publisher {
            self.publisherWasLost(loss)
        } else {
            self.interruptions += 1
            self.subscriberWasLost()
        }
        self.publishHeld()
        self.updateHealth()
    }

    func linkDidNotConnect(_ link: RedisLink) {
        guard link === self.publisher else { return }
        self.suspect.connectionFailed()
        self.stopDeciding()
    }

    func link(_ link: RedisLink, received pushes: [RedisPush]) {
        self.received(pushes)
    }
}

@available(*, unavailable)
extension RedisBrokerCore: Sendable {}
