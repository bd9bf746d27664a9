import NIOCore

/// Computes the ``BrokerHealth`` of a ``BrokerShard`` from the state of its parts. Belongs to one event loop.
final class BrokerHealthReporter {
    private enum Stage {
        case notStarted
        case open(publisher: RedisLink, subscriber: RedisLink)
        case closed
    }

    private let shared: RedisBrokerShared
    private let subscriptions: TopicSubscriptions
    private let publisher: MessagePublisher
    private let intake: PublishIntake
    private let losses: LossReporter
    private let canary: CanaryMonitor
    private var stage = Stage.notStarted
    private var interruptions = 0

    init(
        _ shared: RedisBrokerShared,
        _ subscriptions: TopicSubscriptions,
        _ publisher: MessagePublisher,
        _ intake: PublishIntake,
        _ losses: LossReporter,
        _ canary: CanaryMonitor
    ) {
        self.shared = shared
        self.subscriptions = subscriptions
        self.publisher = publisher
        self.intake = intake
        self.losses = losses
        self.canary = canary
    }

    func start(publisher: RedisLink, subscriber: RedisLink) {
        self.stage = .open(publisher: publisher, subscriber: subscriber)
    }

    /// Permanently.
    func stop() { self.stage = .closed }

    /// Counts a loss of the subscriber's link.
    func subscriberWasLost() { self.interruptions += 1 }

    /// Call after each change that affects the health.
    func update() {
        let health = BrokerHealth(
            state: self.downReason.map { .down(reason: $0) } ?? .up,
            interruptions: self.interruptions,
            waiting: self.publisher.waiting + self.intake.waiting,
            pending: self.subscriptions.pending,
            expired: self.losses.expired,
            lost: self.losses.lost,
            gaps: self.losses.gaps,
            recovered: self.losses.recovered,
            lag: self.canary.lag.map { .nanoseconds($0.nanoseconds) }
        )
        self.shared.update(health)
    }

    private var downReason: String? {
        switch self.stage {
        case .notStarted: return "not started"
        case .closed: return "shut down"
        case .open(let publisher, let subscriber):
            if !publisher.isReady { return publisher.reason }
            if !subscriber.isReady { return subscriber.reason }
            guard self.subscriptions.isSettled else {
                return "not all topics are subscribed to yet, or what was missed is being fetched"
            }
            return self.canary.isProven ? nil : self.canary.refusal ?? "nothing has come back through Redis yet"
        }
    }
}

@available(*, unavailable)
extension BrokerHealthReporter: Sendable {}
