import NIOConcurrencyHelpers
import TestSupport
import Testing
import VolaryProtocol

@testable import VolaryNode

/// Topics that a handshake waits for.
@Suite
struct TopicReservationTests {
    private let topics = [Topic.user(AudienceName("alice")!), Topic.group(AudienceName("g")!)]
    private let clock = ManualClock()

    @Test(arguments: [(true, true, 0), (true, false, 1), (false, true, 0), (false, false, 0)])
    func `What nobody takes over is counted out once`(isHeld: Bool, isTaken: Bool, releases: Int) {
        let released = NIOLockedValueBox<[[Topic]]>([])
        var reservation: TopicReservation? = TopicReservation(self.topics, isHeld: isHeld) { topics in
            released.withLockedValue { $0.append(topics) }
        }
        if isTaken {
            #expect(reservation?.take() == isHeld)
            #expect(reservation?.take() == false, "taken over twice")
        }
        #expect(released.withLockedValue { $0 }.isEmpty)
        reservation = nil
        #expect(released.withLockedValue { $0 } == Array(repeating: self.topics, count: releases))
    }

    @Test func `Live topics are held until who took them over releases them`() async throws {
        let broker = RecordingBroker()
        let interest = TopicInterest(broker: broker, clock: self.clock)
        let reservation = await interest.reserve(self.topics)
        #expect(Set(broker.subscriptions) == ["+user:alice", "+group:g"])
        #expect(reservation.take())
        self.clock.advance(by: .seconds(5))
        interest.release(self.topics)
        try #require(await eventually { self.clock.sleepers == 2 }, "each lingers")
        self.clock.advance(by: .seconds(5))
        #expect(await eventually { broker.subscriptions.count == 4 })
    }

    @Test func `A client that goes during its handshake leaves nothing behind`() async throws {
        let broker = RecordingBroker()
        let interest = TopicInterest(broker: broker, clock: self.clock)
        var reservation: TopicReservation? = await interest.reserve(self.topics)
        self.clock.advance(by: .seconds(5))
        #expect(reservation?.topics == self.topics)
        reservation = nil
        try #require(await eventually { self.clock.sleepers == 2 })
        self.clock.advance(by: .seconds(5))
        #expect(await eventually { Set(broker.subscriptions) == ["+user:alice", "+group:g", "-user:alice", "-group:g"] })
    }

    @Test func `A handshake that does not wait any longer for the link holds nothing`() async throws {
        let broker = RecordingBroker(isLinked: false)
        let interest = TopicInterest(broker: broker, clock: self.clock)
        let pending = Task { await interest.reserve(self.topics) }
        try #require(await eventually { broker.subscriptions.count == 2 })
        self.clock.advance(by: .seconds(5))
        pending.cancel()
        let reservation = await pending.value
        #expect(!reservation.take())
        #expect(reservation.topics == self.topics)
        try #require(await eventually { self.clock.sleepers == 2 }, "counted out again: each lingers")
        self.clock.advance(by: .seconds(5))
        #expect(await eventually { broker.subscriptions.filter { $0.hasPrefix("-") }.count == 2 })
    }
}
