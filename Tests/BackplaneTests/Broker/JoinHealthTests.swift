import NIOConcurrencyHelpers
import TestSupport
import Testing
import VolaryBackplane
import VolaryProtocol

/// A real Redis, far away: a subscription takes 20 ms.
@Suite(.timeLimit(.minutes(2)))
struct JoinHealthTests {
    private static func group(_ number: Int) throws -> Topic { .group(try #require(AudienceName("new-\(number)" as String))) }

    @Test(arguments: [BrokerSettings.Delivery.logged, .atMostOnce])
    func `All the while, one subscription after the other`(delivery: BrokerSettings.Delivery) async throws {
        try await LoggedCluster.run(of: 1, settings: .init(delivery: delivery)) { cluster in
            try await cluster.slowLast(.milliseconds(10))
            let broker = cluster.last.broker
            let since = broker.health.since
            var mostPending = 0
            for number in 0..<50 {
                let topic = try Self.group(number)
                let isDone = NIOLockedValueBox(false)
                async let subscription: Void = {
                    try await broker.subscribe(to: topic)
                    isDone.withLockedValue { $0 = true }
                }()
                while !isDone.withLockedValue({ $0 }) {
                    let health = broker.health
                    try #require(health.isUp && health.since == since, "\(health)")
                    mostPending = max(mostPending, health.pending)
                    try await Task.sleep(for: .milliseconds(1))
                }
                try await subscription
                #expect(broker.health.pending == 0, "who has subscribed may ask for the health")
            }
            #expect(mostPending == 1)
        }
    }

    @Test
    func `After a lost link it is down until it has fetched what it missed, whatever else is subscribed to meanwhile`()
        async throws
    {
        try await LoggedCluster.run(of: 2) { cluster in
            try await cluster.cutOffLast()
            let last = cluster.last
            let count = 200
            async let joins: Void = withThrowingDiscardingTaskGroup { group in
                for number in 0..<count {
                    let topic = try Self.group(number)
                    group.addTask { try await last.broker.subscribe(to: topic) }
                }
            }
            #expect(await eventually { last.broker.health.pending == count })
            for topic in LoggedCluster.topics { await cluster.publish((0..<100).map { "\(topic) \($0)" }, to: topic) }
            #expect(!last.broker.health.isUp)
            try await cluster.slowLast(.milliseconds(5))
            // Seen up, it has all of it already.
            let isUp = await eventually { last.broker.health.isUp }
            let health = last.broker.health
            #expect(isUp && health.recovered == 100 * LoggedCluster.topics.count, "\(health)")
            try await joins
            #expect(last.broker.health.pending == 0)
            #expect(await eventually { last.receiver.count == 100 * LoggedCluster.topics.count })
        }
    }
}
