import Metrics
import Protocol

/// Everything this node counts. No name that a user chose becomes a dimension.
struct NodeMetrics: Sendable {
    private let opened = Counter(label: "volary_connections_opened")
    private let closed = Counter(label: "volary_connections_closed")
    private let received = Counter(label: "volary_messages_received")
    private let publications = Counter(label: "volary_publications_delivered")
    private let deliveries = Counter(label: "volary_deliveries")
    private let droppedPublications = Counter(label: "volary_publications_dropped")
    private let refusedPublications = Counter(label: "volary_publications_refused")
    private let leasesLost = Counter(label: "volary_leases_lost")
    private let reapedNodes = Counter(label: "volary_nodes_reaped")
    /// Seconds from a dead node's last sign of life to the removal of its connections.
    private let ghosts = Timer(label: "volary_ghost_time")

    func connectionOpened() { self.opened.increment() }

    func connectionClosed() { self.closed.increment() }

    func messageReceived() { self.received.increment() }

    /// On one event loop: publications handed over together, and the connections that took them.
    func delivered(publications: Int, connections: Int) {
        self.publications.increment(by: publications)
        self.deliveries.increment(by: publications * connections)
    }

    /// Publications that one event loop was too far behind to take.
    func dropped(publications: Int) { self.droppedPublications.increment(by: publications) }

    /// A client's message that the broker did not take.
    func publicationRefused() { self.refusedPublications.increment() }

    func leaseLost() { self.leasesLost.increment() }

    func reaped(silence: Duration) {
        self.reapedNodes.increment()
        self.ghosts.record(duration: silence)
    }
}
