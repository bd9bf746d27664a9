import NIOCore
import VolaryProtocol

/// The topics that this node is subscribed to, over the subscriber's link: what Redis has confirmed, which topics do not arrive yet, and who
/// waits for that. Belongs to one event loop.
final class TopicSubscriptions {
    typealias Continuation = CheckedContinuation<Result<Void, BrokerError>, Never>

    /// What an acknowledgement of Redis means.
    enum Acknowledgement {
        /// The subscription is confirmed: what is published from now on arrives.
        case confirmed(Topic)
        case none
        /// Redis has acknowledged what nobody asked for.
        case violation
    }

    private let context: BrokerContext
    private var link: RedisLink?
    private var machine = SubscriptionsStateMachine()
    /// By channel, the topics that this node is subscribed to or wants to be.
    private var topics: [String: Topic] = [:]
    /// By channel, the topics whose UNSUBSCRIBE has not been acknowledged: an acknowledgement names only the channel.
    private var leaving: [String: Topic] = [:]
    /// Without logs: the topics that were confirmed when the link was lost. What they missed is unknown.
    private var interrupted: Set<Topic> = []
    private var waiters: [Topic: [ObjectIdentifier: Continuation]] = [:]
    private var unsettled: UnsettledTopics
    /// The last topic that health waited for has become live since ``takeSettled()``.
    private var hasSettled = false

    init(_ context: BrokerContext) {
        self.context = context
        self.unsettled = UnsettledTopics(own: context.node)
    }

    func start(over link: RedisLink) { self.link = link }

    // MARK: - State

    var isLinked: Bool { self.machine.isLinked }
    /// Whether everything arrives that health waits for.
    var isSettled: Bool { self.unsettled.required.isEmpty }
    /// Topics that are being subscribed to for the first time.
    var pending: Int { self.unsettled.pending.count }

    func isWanted(_ topic: Topic) -> Bool { self.machine.isWanted(topic) }
    func isConfirmed(_ topic: Topic) -> Bool { self.machine.isConfirmed(topic) }
    func topic(of channel: String) -> Topic? { self.topics[channel] }

    /// Whether all that health waited for has arrived since the last call.
    func takeSettled() -> Bool {
        defer { self.hasSettled = false }
        return self.hasSettled
    }

    // MARK: - Subscribing

    /// - Parameter continuation: resumed once all that is published to the topic arrives, or will not.
    func subscribe(to topic: Topic, waiter: SubscriptionWaiter, continuation: Continuation) {
        let channel = self.context.keys(of: topic).channel
        self.topics[channel] = topic
        self.leaving[channel] = nil
        if !self.machine.isWanted(topic) { self.unsettled.wanted(topic) }
        switch self.machine.want(topic) {
        case .none where !self.unsettled.contains(topic): return continuation.resume(returning: .success(()))
        case .none, .wait: break
        case .subscribe: self.send("SUBSCRIBE", [topic])
        }
        self.waiters[topic, default: [:]][ObjectIdentifier(waiter)] = continuation
        self.context.healthChanged()
    }

    /// - Parameter waiter: a caller that waits and has been cancelled.
    /// - Returns: what to resume, nil when it does not wait; and whether nobody else waits for the topic.
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
            self.send("UNSUBSCRIBE", [topic])
        }
        self.unsettled.unwanted(topic)
        self.interrupted.remove(topic)
        self.resumeWaiters(of: topic, with: .failure(.cancelled))
    }

    /// Nobody waits any longer, as the broker closes.
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
        if !topics.isEmpty { self.send("SUBSCRIBE", topics) }
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

    /// Redis has answered SUBSCRIBE or UNSUBSCRIBE.
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

    private func send(_ name: String, _ topics: [Topic]) {
        var command = RESPCommand(name)
        for topic in topics { command.append(self.context.keys(of: topic).channel) }
        self.link?.sendSubscription(command, channels: topics.count)
        self.link?.flush()
    }

    // MARK: - Arrival

    /// Without logs: whether the topic may have missed messages while the link was lost.
    func takeInterrupted(_ topic: Topic) -> Bool { self.interrupted.remove(topic) != nil }

    /// Messages of the topic are missing, or the link was lost.
    func wasInterrupted(_ topic: Topic) { self.unsettled.interrupted(topic) }

    /// All that is published to the topic from now on arrives, and what was missed has been fetched.
    func becameLive(_ topic: Topic) {
        let wasSettled = self.unsettled.required.isEmpty
        guard self.unsettled.becameLive(topic) else { return }
        self.hasSettled = self.hasSettled || !wasSettled && self.unsettled.required.isEmpty
        // Before callers are resumed: they may ask for the health.
        self.context.healthChanged()
        self.resumeWaiters(of: topic, with: .success(()))
    }
}

@available(*, unavailable)
extension TopicSubscriptions: Sendable {}
