import NIOConcurrencyHelpers
import NIOPosix
import Testing

@testable import VolaryBackplane

/// Since when the relay is up or down.
@Suite
struct RedisBrokerSharedTests {
    @Test func `It is the time of the last change between the two, whatever the reasons`() {
        let time = NIOLockedValueBox<Int64>(1000)
        let shared = RedisBrokerShared(eventLoop: MultiThreadedEventLoopGroup.singleton.any(), inboxBytes: 0) {
            time.withLockedValue { $0 }
        }
        func update(_ state: BrokerHealth.State, at now: Int64) -> Int64 {
            time.withLockedValue { $0 = now }
            shared.update(BrokerHealth(state: state, interruptions: 7))
            return shared.health.withLockedValue { $0.since }
        }
        #expect(shared.health.withLockedValue { $0.since } == 1000)
        #expect(update(.down(reason: "refused"), at: 2000) == 1000)
        #expect(update(.up, at: 3000) == 3000)
        #expect(update(.up, at: 4000) == 3000)
        #expect(update(.down(reason: "refused"), at: 5000) == 5000)
        #expect(update(.down(reason: "loading"), at: 6000) == 5000)
        #expect(update(.up, at: 7000) == 7000)
        #expect(shared.health.withLockedValue { $0.interruptions } == 7)
    }
}
