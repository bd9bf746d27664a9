import NIOCore
import VolaryProtocol

/// The topics that this node is subscribed to over the subscriber's link: which are confirmed, which are not live yet, and
/// which callers wait. Belongs to one event loop.
final class TopicSubscriptions {
    typealias Continuation = CheckedContinuation<Result<Void, BrokerError>, Never>

    /// The meaning of an acknowledgment from Redis.
    enum Acknowledgement {
        /// The subscription is confirmed: later publications arrive.
        case confirmed(Topic)
        case none
        /// Redis has acknowledged a command that was not sent.
        case violation
    }

    private let context: BrokerContext
    private var link: RedisLink?
    private var machine = SubscriptionsStateMachine()
    /// By channel, the topics that this node is subscribed to or is about to be.
    private var topics: [String: Topic] = [:]
    /// By channel, the topics whose SUNSUBSCRIBE has not been acknowledged. An acknowledgment names only the channel.
    private var leaving: [String: Topic] = [:]
    /// Without logs: the topics that were confirmed when the link was lost. Their missed messages are unknown.
    private var interrupted: Set<Topic> = []
    private var waiters: [Topic: [ObjectIdentifier: Continuation]] = [:]
    private var unsettled: UnsettledTopics
    /// Whether the last topic that health waited for has become live since ``takeSettled()``.
    private var hasSettled = false

    init(_ context: BrokerContext) {
        self.context = context
        self.unsettled = UnsettledTopics(own: context.node)
    }

    func start(over link: RedisLink) { self.link = link }

    // MARK: - State

    var isLinked: Bool { self.machine.isLinked }
    /// Whether all topics that health waits for are live.
    var isSettled: Bool { self.unsettled.required.isEmpty }
    /// Number of topics that are being subscribed to for the first time.
    var pending: Int { self.unsettled.pending.count }

    func isWanted(_ topic: Topic) -> Bool { self.machine.isWanted(topic) }
    func isConfirmed(_ topic: Topic) -> Bool { self.machine.isConfirmed(topic) }
    func topic(of channel: String) -> Topic? { self.topics[channel] }

    /// Whether all topics that health waited for have become live since the last call.
    func takeSettled() -> Bool {
        defer { self.hasSettled = false }
        return self.hasSettled
    }

    // MARK: - Subscribing

    /// - Parameter continuation: resumed once all publications to the topic arrive, or never will.
    func subscribe(to topic: Topic, waiter: SubscriptionWaiter, continuation: Continuation) {
        let channel = self.context.keys(of: topic).channel
        self.topics[channel] = topic
        self.leaving[channel] = nil
        if !self.machine.isWanted(topic) { self.unsettled.wanted(topic) }
        switch self.machine.want(topic) {
        case .none where !self.unsettled.contains(topic): return continuation.resume(returning: .success(()))
        case .none, .wait: break
        case .subscribe: self.send("SSUBSCRIBE", [topic])
        }
        self.waiters[topic, default: [:]][ObjectIdentifier(waiter)] = continuation
        self.context.healthChanged()
    }

    /// - Parameter waiter: a waiting caller that has been canceled.
    /// - Returns: the continuation to resume, and whether no other caller waits for the topic; nil when the caller does not
    ///   wait.
    func removeWaiter(_ waiter: SubscriptionWaiter, of topic: Topic) -> (continuation: Continuation, isLast: Bool)? {
        guard let continuation = self.waiters[topic]?.removeValue(forKey: ObjectIdentifier(waiter)) else { return nil }
        let isLast = self.waiters[topic]?.isEmpty == true
        if isLast { self.waiters[topic] = nil }
        return (continuation, isLast)
    }

    func unsubscribe(from topic: Topic) {
        let channel = self.context.keys(of: topic).channel
        self.topics[channel] = nil
        if self.machine.unwant(topic) {
            self.leaving[channel] = topic
            self.send("SUNSUBSCRIBE", [topic])
        }
        self.unsettled.unwanted(topic)
        self.interrupted.remove(topic)
        self.resumeWaiters(of: topic, with: .failure(.cancelled))
    }

    /// Fails all waiters, because the broker is shutting down.
    func failAllWaiters() {
        for topic in Array(self.waiters.keys) { self.resumeWaiters(of: topic, with: .failure(.closed)) }
    }

    private func resumeWaiters(of topic: Topic, with result: Result<Void, BrokerError>) {
        guard let waiters = self.waiters.removeValue(forKey: topic) else { return }
        for continuation in waiters.values { continuation.resume(returning: result) }
    }

    // MARK: - The link

    func linkBecameReady() {
        let topics = self.unsettled.inOrder(self.machine.linked())
        if !topics.isEmpty { self.send("SSUBSCRIBE", topics) }
    }

    func linkWasLost() {
        if !self.context.isLogged {
            let topics = self.machine.confirmed
            self.interrupted.formUnion(topics)
            for topic in topics { self.unsettled.interrupted(topic) }
        }
        self.machine.unlinked()
        self.leaving = [:]
    }

    /// Handles an acknowledgment of SSUBSCRIBE or SUNSUBSCRIBE.
    func acknowledged(_ channel: String) -> Acknowledgement {
        guard let topic = self.topics[channel] ?? self.leaving[channel] else { return .violation }
        let action = self.machine.acknowledged(topic)
        if !self.machine.isPending(topic) { self.leaving[channel] = nil }
        return switch action {
        case .confirmed: .confirmed(topic)
        case .none: .none
        case .violation: .violation
        }
    }

    /// One command for each run of topics of one scope.
    private func send(_ name: String, _ topics: [Topic]) {
        let keys = topics.map { self.context.keys(of: $0) }
        var rest = keys[...]
        while let first = rest.first {
            let channels = rest.prefix { $0.scope == first.scope }
            rest.removeFirst(channels.count)
            var command = RESPCommand(name)
            for key in channels { command.append(key.channel) }
            self.link?.sendSubscription(command, channels: channels.count)
        }
        self.link?.flush()
    }

    // MARK: - Arrival

    /// Without logs: whether the topic may have missed messages while the link was lost.
    func takeInterrupted(_ topic: Topic) -> Bool { self.interrupted.remove(topic) != nil }

    /// Call when messages of the topic are missing, or the link was lost.
    func wasInterrupted(_ topic: Topic) { self.unsettled.interrupted(topic) }

    /// Call when all later publications to the topic arrive, and missed messages have been read.
    func becameLive(_ topic: Topic) {
        let wasSettled = self.unsettled.required.isEmpty
        guard self.unsettled.becameLive(topic) else { return }
        self.hasSettled = self.hasSettled || !wasSettled && self.unsettled.required.isEmpty
        // Before callers are resumed, because they may read the health.
        self.context.healthChanged()
        self.resumeWaiters(of: topic, with: .success(()))
    }
}

@available(*, unavailable)
extension TopicSubscriptions: Sendable {}
