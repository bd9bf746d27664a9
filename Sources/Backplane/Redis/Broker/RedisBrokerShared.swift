import NIOConcurrencyHelpers
import NIOCore
import VolaryProtocol

/// What a broker shares between its callers' threads and its event loop.
final class RedisBrokerShared: Sendable {
    let eventLoop: any EventLoop
    let health: NIOLockedValueBox<BrokerHealth>
    let receiver = NIOLockedValueBox<(any BrokerReceiver)?>(nil)
    /// Set on the event loop once nothing will happen there any more: the loop itself may be gone soon.
    let isClosed = NIOLockedValueBox(false)
    let inbox: NIOLockedValueBox<PublishInbox>
    private let now: @Sendable () -> Int64

    /// - Parameters:
    ///   - inboxBytes: bound of what is published between two turns of the loop.
    ///   - now: milliseconds since 1970, UTC.
    init(eventLoop: any EventLoop, inboxBytes: Int, now: @escaping @Sendable () -> Int64 = UTCClock.now) {
        self.eventLoop = eventLoop
        self.now = now
        self.inbox = NIOLockedValueBox(PublishInbox(maximumBytes: inboxBytes))
        self.health = NIOLockedValueBox(BrokerHealth(state: .down(reason: "not connected yet"), since: now()))
    }

    /// Takes what is known now; its `since` follows from what was known before.
    func update(_ health: BrokerHealth) {
        self.health.withLockedValue { known in
            var health = health
            health.since = health.isUp == known.isUp ? known.since : self.now()
            known = health
        }
    }
}
