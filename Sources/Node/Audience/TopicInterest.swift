import Backplane
import Protocol

/// Subscribes this node to the topics of the groups and users that it has members of: first in subscribes, last out unsubscribes
/// (design decision 7).
///
/// Last out unsubscribes late: clients that reconnect, and groups that are joined and left in turn, cost Redis nothing.
actor TopicInterest<C: Clock> where C.Duration == Duration {
    private struct Entry {
        var members = 0
        /// Rises with each release of the last member: a later one makes an earlier one's wait void.
        var releases = 0
        let subscription: Task<Result<Void, BrokerError>, Never>
    }

    /// How long a topic without members stays subscribed: 5 s.
    static var linger: Duration { .seconds(5) }

    private let broker: any Broker
    private let clock: C
    private var entries: [Topic: Entry] = [:]

    init(broker: any Broker, clock: C) {
        self.broker = broker
        self.clock = clock
    }

    /// Counts one member of `topic` in, and returns once what is published to it from now on arrives here. Waits while the broker's link is
    /// down. Every call is matched by one of ``release(_:)``, also when it throws.
    func retain(_ topic: Topic) async throws(BrokerError) {
        var entry = self.entries[topic] ?? self.subscribe(to: topic)
        entry.members += 1
        self.entries[topic] = entry
        try await entry.subscription.value.get()
    }

    private func subscribe(to topic: Topic) -> Entry {
        Entry(
            subscription: Task {
                do throws(BrokerError) {
                    return .success(try await self.broker.subscribe(to: topic))
                } catch {
                    return .failure(error)
                }
            }
        )
    }

    /// Counts one member out.
    func release(_ topic: Topic) {
        guard var entry = self.entries[topic] else { return }
        entry.members -= 1
        entry.releases += 1
        self.entries[topic] = entry
        guard entry.members == 0 else { return }
        let releases = entry.releases
        Task { await self.unsubscribeLate(topic, releases: releases) }
    }

    private func unsubscribeLate(_ topic: Topic, releases: Int) async {
        try? await self.clock.sleep(for: Self.linger)
        guard let entry = self.entries[topic], entry.members == 0, entry.releases == releases else { return }
        // One that still waits for the link is told that nobody does.
        entry.subscription.cancel()
        _ = await entry.subscription.value
        guard self.entries[topic]?.members == 0, self.entries[topic]?.releases == releases else { return }
        self.entries[topic] = nil
        // Handed to the broker before this actor does anything else: a later `retain` subscribes after it.
        await self.broker.unsubscribe(from: topic)
    }
}
