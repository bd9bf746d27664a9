import TestSupport
import Testing
import VolaryBackplane
import VolaryProtocol

@testable import VolaryNode

/// A node subscribes to what it has members of.
@Suite
struct TopicInterestTests {
    private let broker = RecordingBroker()
    private let clock = ManualClock()
    private let interest: TopicInterest<ManualClock>
    private let topic = Topic.group(AudienceName("g")!)

    init() {
        self.interest = TopicInterest(broker: self.broker, clock: self.clock)
    }

    /// Long enough for the topic to stay subscribed as long as any.
    private func stay() { self.clock.advance(by: .seconds(5)) }

    /// The last member's release waits for its time.
    private func isLingering() async -> Bool { await eventually { self.clock.sleepers == 1 } }

    @Test func `The first member subscribes, the next ones do not`() async throws {
        for _ in 0..<3 { try await self.interest.retain(self.topic) }
        #expect(self.broker.subscriptions == ["+group:g"])
    }

    @Test func `The last one out unsubscribes, five seconds late`() async throws {
        for _ in 0..<2 { try await self.interest.retain(self.topic) }
        self.stay()
        await self.interest.release(self.topic)
        #expect(self.clock.sleepers == 0)
        await self.interest.release(self.topic)
        try #require(await self.isLingering())
        self.clock.advance(by: .milliseconds(4999))
        #expect(self.clock.sleepers == 1)
        #expect(self.broker.subscriptions == ["+group:g"])
        self.clock.advance(by: .milliseconds(1))
        #expect(await eventually { self.broker.subscriptions == ["+group:g", "-group:g"] })
    }

    @Test func `Who comes back in time finds the subscription as it was`() async throws {
        try await self.interest.retain(self.topic)
        self.stay()
        await self.interest.release(self.topic)
        try #require(await self.isLingering())
        try await self.interest.retain(self.topic)
        self.clock.advance(by: .seconds(10))
        #expect(await eventually { self.clock.sleepers == 0 })
        await self.interest.release(self.topic)
        try #require(await self.isLingering())
        #expect(self.broker.subscriptions == ["+group:g"])
        self.clock.advance(by: .seconds(5))
        #expect(await eventually { self.broker.subscriptions == ["+group:g", "-group:g"] })
    }

    @Test func `Who comes later subscribes again`() async throws {
        try await self.interest.retain(self.topic)
        self.stay()
        await self.interest.release(self.topic)
        try #require(await self.isLingering())
        self.clock.advance(by: .seconds(5))
        try #require(await eventually { self.broker.subscriptions.count == 2 })
        try await self.interest.retain(self.topic)
        #expect(self.broker.subscriptions == ["+group:g", "-group:g", "+group:g"])
    }

    @Test func `A topic stays no longer than it was subscribed before, those that come back in that time included`() async throws
    {
        try await self.interest.retain(self.topic)
        self.clock.advance(by: .milliseconds(20))
        await self.interest.release(self.topic)
        try #require(await self.isLingering())
        self.clock.advance(by: .milliseconds(19))
        try await self.interest.retain(self.topic)
        self.clock.advance(by: .milliseconds(1))
        await self.interest.release(self.topic)
        try #require(await self.isLingering())
        self.clock.advance(by: .milliseconds(39))
        #expect(self.broker.subscriptions == ["+group:g"])
        self.clock.advance(by: .milliseconds(1))
        #expect(await eventually { self.broker.subscriptions == ["+group:g", "-group:g"] })
    }

    @Test func `A release of what nobody holds does nothing`() async throws {
        await self.interest.release(self.topic)
        try await self.interest.retain(self.topic)
        #expect(self.broker.subscriptions == ["+group:g"])
    }

    @Test func `While the link is down, who is gone does not wait, and who stays gets its subscription`() async throws {
        let broker = RecordingBroker(isLinked: false)
        let interest = TopicInterest(broker: broker, clock: self.clock)
        let gone = Task { await Self.outcome { () async throws(BrokerError) in try await interest.retain(self.topic) } }
        let stays = Task { await Self.outcome { () async throws(BrokerError) in try await interest.retain(self.topic) } }
        try #require(await eventually { broker.subscriptions == ["+group:g"] })
        gone.cancel()
        #expect(await gone.value == .cancelled)
        await interest.release(self.topic)
        broker.link()
        #expect(await stays.value == nil)
        #expect(broker.subscriptions == ["+group:g"])
    }

    @Test func `What nobody waits for any more is given up, and taken up again by who comes`() async throws {
        let broker = RecordingBroker(isLinked: false)
        let interest = TopicInterest(broker: broker, clock: self.clock)
        let gone = Task { await Self.outcome { () async throws(BrokerError) in try await interest.retain(self.topic) } }
        try #require(await eventually { broker.subscriptions == ["+group:g"] })
        gone.cancel()
        #expect(await gone.value == .cancelled)
        self.stay()
        await interest.release(self.topic)
        try #require(await self.isLingering())
        self.clock.advance(by: .seconds(5))
        try #require(await eventually { broker.subscriptions == ["+group:g", "-group:g"] })
        broker.link()
        try await interest.retain(self.topic)
        #expect(broker.subscriptions == ["+group:g", "-group:g", "+group:g"])
    }

    /// - Returns: what was thrown.
    private static func outcome(_ body: () async throws(BrokerError) -> Void) async -> BrokerError? {
        do throws(BrokerError) {
            try await body()
            return nil
        } catch {
            return error
        }
    }
}
