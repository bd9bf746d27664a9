import VolaryBackplane
import VolaryProtocol

/// Subscribes this node to the topics of the hubs, groups and users of its connections. The first member of a topic subscribes, the
/// last one unsubscribes.
///
/// Unsubscribing is delayed by ``linger``, so that clients that reconnect, and groups that are left and joined again, cost Redis
/// nothing. A topic stays subscribed no longer than it was before its last member left: while it is subscribed, messages to it are
/// logged, so joining and leaving many topics in turn would otherwise fill Redis with logs.
actor TopicInterest<C: Clock> where C.Duration == Duration {
    private struct Entry {
        /// Distinguishes the entry from earlier entries of the same topic.
        let number: UInt64
        let since: C.Instant
        var members = 0
        /// Rises with each release. A later release makes an earlier delayed unsubscribe void.
        var releases = 0
        let subscription: Task<Void, Never>
        /// Nil while the broker has not answered.
        var result: Result<Void, BrokerError>?
        /// Callers that wait for the result.
        var waiters: [UInt64: CheckedContinuation<Result<Void, BrokerError>, Never>] = [:]
    }

    /// How long a topic without members stays subscribed at most: 5 s.
    static var linger: Duration { .seconds(5) }

    private let broker: any Broker
    private let clock: C
    private var entries: [Topic: Entry] = [:]
    /// The last number given to an entry or a waiter.
    private var lastNumber: UInt64 = 0

    init(broker: any Broker, clock: C) {
        self.broker = broker
        self.clock = clock
    }

    /// Adds one member to `topic`, and returns once everything that is published to it from now on arrives here. Waits while the
    /// broker's link is down, until the caller is canceled. Every call must be matched by one of ``release(_:)``, also when it
    /// throws.
    func retain(_ topic: Topic) async throws(BrokerError) {
        self.entries[topic, default: self.subscribe(to: topic)].members += 1
        if let result = self.entries[topic]?.result { return try result.get() }
        let waiter = self.nextNumber()
        try await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                if Task.isCancelled {
                    continuation.resume(returning: Result<Void, BrokerError>.failure(.cancelled))
                } else {
                    self.entries[topic]?.waiters[waiter] = continuation
                }
            }
        } onCancel: {
            Task { await self.giveUp(waiter, for: topic) }
        }.get()
    }

    private func giveUp(_ waiter: UInt64, for topic: Topic) {
        self.entries[topic]?.waiters.removeValue(forKey: waiter)?.resume(returning: .failure(.cancelled))
    }

    private func subscribe(to topic: Topic) -> Entry {
        let number = self.nextNumber()
        return Entry(
            number: number,
            since: self.clock.now,
            subscription: Task {
                do throws(BrokerError) {
                    try await self.broker.subscribe(to: topic)
                    self.subscribed(topic, number, .success(()))
                } catch {
                    self.subscribed(topic, number, .failure(error))
                }
            }
        )
    }

    private func subscribed(_ topic: Topic, _ number: UInt64, _ result: Result<Void, BrokerError>) {
        guard var entry = self.entries[topic], entry.number == number else { return }
        let waiters = entry.waiters
        entry.waiters = [:]
        entry.result = result
        self.entries[topic] = entry
        for waiter in waiters.values { waiter.resume(returning: result) }
    }

    private func nextNumber() -> UInt64 {
        self.lastNumber += 1
        return self.lastNumber
    }

    /// Removes one member.
    func release(_ topic: Topic) {
        guard var entry = self.entries[topic] else { return }
        entry.members -= 1
        entry.releases += 1
        self.entries[topic] = entry
        guard entry.members == 0 else { return }
        let releases = entry.releases
        let linger = min(Self.linger, entry.since.duration(to: self.clock.now))
        Task { await self.unsubscribeLate(topic, after: linger, releases: releases) }
    }

    private func unsubscribeLate(_ topic: Topic, after linger: Duration, releases: Int) async {
        try? await self.clock.sleep(for: linger)
        guard let entry = self.entries[topic], entry.members == 0, entry.releases == releases else { return }
        self.entries[topic] = nil
        // The subscription may still wait for the link.
        entry.subscription.cancel()
        // The broker gets this call before the actor runs anything else, so a later `retain` subscribes after it.
        await self.broker.unsubscribe(from: topic)
    }
}
