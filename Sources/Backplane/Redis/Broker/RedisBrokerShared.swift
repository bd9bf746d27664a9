import NIOConcurrencyHelpers
import NIOCore
import VolaryProtocol

/// The state of a broker that its callers' threads and its event loop share.
final class RedisBrokerShared: Sendable {
    let eventLoop: any EventLoop
    let health: NIOLockedValueBox<BrokerHealth>
    let receiver = NIOLockedValueBox<(any BrokerReceiver)?>(nil)
    /// Set on the event loop after its last work, because the loop may be shut down soon after.
    let isClosed = NIOLockedValueBox(false)
    let inbox: NIOLockedValueBox<PublishInbox>
    private let now: @Sendable () -> Int64

    /// - Parameters:
    ///   - inboxBytes: maximum of bytes published between two turns of the loop.
    ///   - now: current time in milliseconds since 1970, UTC.
    init(eventLoop: any EventLoop, inboxBytes: Int, now: @escaping @Sendable () -> Int64 = UTCClock.now) {
        self.eventLoop = eventLoop
        self.now = now
        self.inbox = NIOLockedValueBox(PublishInbox(maximumBytes: inboxBytes))
        self.health = NIOLockedValueBox(BrokerHealth(state: .down(reason: "not connected yet"), since: now()))
    }

    /// Stores the current health. Its `since` is computed from the previous health.
    func update(_ health: BrokerHealth) {
        self.health.withLockedValue { known in
            var health = health
            health.since = health.isUp == known.isUp ? known.since : self.now()
            known = health
        }
    }
}
