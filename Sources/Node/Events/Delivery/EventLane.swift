import Atomics

/// The events of one hub.
final class EventLane: Sendable {
    let quota: EventQuota
    private let notifications = ManagedAtomic<Int>(0)

    /// - Parameter maximum: requests that may be under way at once.
    init(maximum: Int) {
        self.quota = EventQuota(maximum: maximum)
    }

    /// - Returns: whether there is room for a notification.
    func beginNotification(maximum: Int) -> Bool {
        guard self.notifications.wrappingIncrementThenLoad(ordering: .relaxed) > maximum else { return true }
        self.endNotification()
        return false
    }

    func endNotification() { self.notifications.wrappingDecrement(ordering: .relaxed) }
}
