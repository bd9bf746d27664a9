import Logging
import NIOCore
import Protocol

extension RedisBrokerCore {
    func subscribe(
        to topic: Topic,
        waiter: SubscriptionWaiter,
        continuation: CheckedContinuation<Result<Void, BrokerError>, Never>
    ) {
        guard !waiter.isCancelled else { return continuation.resume(returning: .failure(.cancelled)) }
        guard !self.isClosing else { return continuation.resume(returning: .failure(.closed)) }
        switch self.subscriptions.want(topic) {
        case .none: return continuation.resume(returning: .success(()))
        case .wait: break
        case .subscribe: self.send("SUBSCRIBE", [topic])
        }
        self.waiters[topic, default: [:]][ObjectIdentifier(waiter)] = continuation
        self.updateHealth()
    }

    /// The topic stays wanted when others wait for it or have it; a caller that gives up alone takes its wish back.
    func cancelWaiter(_ waiter: SubscriptionWaiter, of topic: Topic) {
        guard let continuation = self.waiters[topic]?.removeValue(forKey: ObjectIdentifier(waiter)) else { return }
        if self.waiters[topic]?.isEmpty == true {
            self.waiters[topic] = nil
            self.unsubscribe(from: topic)
        }
        continuation.resume(returning: .failure(.cancelled))
    }

    func unsubscribe(from topic: Topic) {
        if self.subscriptions.unwant(topic) { self.send("UNSUBSCRIBE", [topic]) }
        self.homeward.forget(topic)
        self.resumeWaiters(of: topic, with: .failure(.cancelled))
        self.updateHealth()
    }

    func failAllWaiters() {
        for topic in Array(self.waiters.keys) { self.resumeWaiters(of: topic, with: .failure(.closed)) }
    }

    func subscriberBecameReady() {
        let topics = self.subscriptions.linked()
        if !topics.isEmpty { self.send("SUBSCRIBE", topics) }
    }

    func subscriberWasLost() {
        self.interruptions += 1
        self.subscriptions.unlinked()
        self.deliver(self.homeward.takeAll())
    }

    func acknowledged(_ channel: String) {
        let prefix = "\(self.configuration.keyPrefix):"
        guard channel.hasPrefix(prefix), let topic = Topic(name: channel.dropFirst(prefix.count)) else {
            self.subscriber?.drop(reason: "Redis broke its protocol: acknowledged an unknown channel")
            return
        }
        switch self.subscriptions.acknowledged(topic) {
        case .confirmed:
            // Before anybody is told: who asks then for the health must not be told of the past.
            self.updateHealth()
            self.resumeWaiters(of: topic, with: .success(()))
        case .none: break
        case .violation: self.subscriber?.drop(reason: "Redis broke its protocol: acknowledged what was not asked for")
        }
    }

    private func send(_ name: String, _ topics: [Topic]) {
        var command = RESPCommand(name)
        for topic in topics { command.append(self.channelName(of: topic)) }
        self.subscriber?.sendSubscription(command, channels: topics.count)
        self.subscriber?.flush()
    }

    private func resumeWaiters(of topic: Topic, with result: Result<Void, BrokerError>) {
        guard let waiters = self.waiters.removeValue(forKey: topic) else { return }
        for continuation in waiters.values { continuation.resume(returning: result) }
    }
}
