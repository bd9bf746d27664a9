import VolaryBackplane
import VolaryProtocol

/// Subscribes this node to the topics of the groups and users that it has members of: first in subscribes, last out unsubscribes
/// (design decision 7).
///
/// Last out unsubscribes late: clients that reconnect, and groups that are joined and left in turn, cost Redis nothing. A topic that has not been
/// subscribed for long is kept no longer than it was: while it is, what is published to it counts as wanted, so whoever goes through many topics
/// would have Redis log for all of them.
actor TopicInterest<C: Clock> where C.Duration == Duration {
    private struct Entry {
        /// Tells it from those that the same topic had before.
        let number: UInt64
        let since: C.Instant
        var members = 0
        /// Rises with each release of the last member: a later one makes an earlier one's wait void.
        var releases = 0
        let subscription: Task<Void, Never>
        /// Nil while the broker has not answered.
        var result: Result<Void, BrokerError>?
        /// Those who wait for it.
        var waiters: [UInt64: CheckedContinuation<Result<Void, BrokerError>, Never>] = [:]
    }

    /// How long a topic without members stays subscribed at most: 5 s.
    static var linger: Duration { .seconds(5) }

    private let broker: any Broker
    private let clock: C
    private var entries: [Topic: Entry] = [:]
    /// Of entries and waiters.
    private var lastNumber: UInt64 = 0

    init(broker: any Broker, clock: C) {
        self.broker = broker
        self.clock = clock
    }

    /// Counts one member of `topic` in, and returns once what is published to it from now on arrives here. Waits while the broker's link is
    /// down, until the caller is cancelled. Every call is matched by one of ``release(_:)``, also when it throws.
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

    /// Counts one member out.
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
        // It may still wait for the link.
        entry.subscription.cancel()
        // Handed to the broker before this actor does anything else: a later `retain` subscribes after it.
        await self.broker.unsubscribe(from: topic)
    }
}
