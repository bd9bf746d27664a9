import NIOConcurrencyHelpers

/// One call of ``Broker/subscribe(to:)``. Its cancellation may reach the event loop before the call itself does.
final class SubscriptionWaiter: Sendable {
    private let cancelled = NIOLockedValueBox(false)

    var isCancelled: Bool { self.cancelled.withLockedValue { $0 } }

    func cancel() { self.cancelled.withLockedValue { $0 = true } }
}
