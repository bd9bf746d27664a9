import Logging
import NIOCore
import VolaryProtocol

extension RedisBrokerCore {
    func subscribe(
        to topic: Topic,
        waiter: SubscriptionWaiter,
        continuation: CheckedContinuation<Result<Void, BrokerError>, Never>
    ) {
        guard !waiter.isCancelled else { return continuation.resume(returning: .failure(.cancelled)) }
        guard !self.isClosing else { return continuation.resume(returning: .failure(.closed)) }
        let channel = self.keys(of: topic).channel
        self.topics[channel] = topic
        self.leavingTopics[channel] = nil
        if self.isLogged { self.logs.begin(topic, own: self.node) }
        if !self.subscriptions.isWanted(topic) { self.unsettled.wanted(topic) }
        switch self.subscriptions.want(topic) {
        case .none where !self.unsettled.contains(topic): return continuation.resume(returning: .success(()))
        case .none, .wait: break
        case .subscribe: self.send("SUBSCRIBE", [topic])
        }
        self.waiters[topic, default: [:]][ObjectIdentifier(waiter)] = continuation
        self.updateHealth()
    }

    /// The topic stays wanted while others wait for it. The last who waits takes the wish back, also that of callers who had it before the
    /// link was lost.
    func cancelWaiter(_ waiter: SubscriptionWaiter, of topic: Topic) {
        guard let continuation = self.waiters[topic]?.removeValue(forKey: ObjectIdentifier(waiter)) else { return }
        if self.waiters[topic]?.isEmpty == true {
            self.waiters[topic] = nil
            self.unsubscribe(from: topic)
        }
        continuation.resume(returning: .failure(.cancelled))
    }

    func unsubscribe(from topic: Topic) {
        let channel = self.keys(of: topic).channel
        self.topics[channel] = nil
        if self.subscriptions.unwant(topic) {
            self.leavingTopics[channel] = topic
            self.send("UNSUBSCRIBE", [topic])
        }
        self.logs.end(topic)
        self.unsettled.unwanted(topic)
        self.interrupted.remove(topic)
        self.loopback.forget(topic)
        self.resumeWaiters(of: topic, with: .failure(.cancelled))
        self.publishHeld()
        self.updateHealth()
    }

    func failAllWaiters() {
        for topic in Array(self.waiters.keys) { self.resumeWaiters(of: topic, with: .failure(.closed)) }
    }

    func subscriberBecameReady() {
        let topics = self.unsettled.inOrder(self.subscriptions.linked())
        if !topics.isEmpty { self.send("SUBSCRIBE", topics) }
        if self.isLogged { self.subscriberReturned() }
    }

    func subscriberWasLost() {
        if !self.isLogged {
            let topics = self.subscriptions.confirmed
            self.interrupted.formUnion(topics)
            for topic in topics { self.unsettled.interrupted(topic) }
        }
        self.subscriptions.unlinked()
        self.leavingTopics = [:]
        self.unlinkLogs()
        self.deliver(self.loopback.takeAll())
    }

    func acknowledged(_ channel: String) {
        guard channel != self.canaryChannel else { return self.canaryIsHeard() }
        guard let topic = self.topics[channel] ?? self.leavingTopics[channel] else {
            self.subscriber?.drop(reason: "Redis broke its protocol: acknowledged what was not asked for")
            return
        }
        let action = self.subscriptions.acknowledged(topic)
        if !self.subscriptions.isPending(topic) { self.leavingTopics[channel] = nil }
        switch action {
        case .confirmed: self.confirmed(topic)
        case .none: break
        case .violation: self.subscriber?.drop(reason: "Redis broke its protocol: acknowledged what was not asked for")
        }
    }

    private func confirmed(_ topic: Topic) {
        if self.isLogged {
            // Confirmed to callers once its place in the log is known.
            self.sessions += 1
            let session = self.sessions
            var envelopes: [Envelope] = []
            self.follow(topic, into: &envelopes) { log, _ in log.subscribed(session: session) }
        } else {
            if self.interrupted.remove(topic) != nil { self.missed(0, gaps: 1, of: topic) }
            self.becameLive(topic)
        }
    }

    /// All that is published to the topic from now on arrives, and what was missed has been fetched.
    func becameLive(_ topic: Topic) {
        let wasAwaited = !self.unsettled.required.isEmpty
        guard self.unsettled.becameLive(topic) else { return }
        self.hasSettled = self.hasSettled || wasAwaited && self.unsettled.required.isEmpty
        // Before anybody is told: who asks then for the health must not be told of the past.
        self.updateHealth()
        self.resumeWaiters(of: topic, with: .success(()))
    }

    private func send(_ name: String, _ topics: [Topic]) {
        var command = RESPCommand(name)
        for topic in topics { command.append(self.keys(of: topic).channel) }
        self.subscriber?.sendSubscription(command, channels: topics.count)
        self.subscriber?.flush()
    }

    func resumeWaiters(of topic: Topic, with result: Result<Void, BrokerError>) {
        guard let waiters = self.waiters.removeValue(forKey: topic) else { return }
        for continuation in waiters.values { continuation.resume(returning: result) }
    }
}
