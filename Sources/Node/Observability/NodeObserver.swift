import VolaryProtocol

/// Counts and logs what happens on a node's connections.
final class NodeObserver: ConnectionObserver {
    private let metrics: NodeMetrics
    private let activity: ActivityLog

    init(metrics: NodeMetrics, activity: ActivityLog) {
        self.metrics = metrics
        self.activity = activity
    }

    func connectionOpened() { self.metrics.connectionOpened() }

    func messageReceived() { self.metrics.messageReceived() }

    func limitExceeded(_ violation: LimitViolation) { self.metrics.limitExceeded(violation) }

    func messageDropped(isFirst: Bool) { self.metrics.messageDropped() }

    func clientGoneUnread() { self.metrics.clientGoneUnread() }

    func connectionClosed(_ id: ConnectionID, _ ending: TransportEnding) {
        self.metrics.connectionClosed()
        self.activity.connectionClosed(id, code: ending.code, side: ending.side)
    }
}
