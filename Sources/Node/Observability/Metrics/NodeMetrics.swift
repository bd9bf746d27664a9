import Metrics
import VolaryBackplane
import VolaryProtocol

/// The counters of a node. Values chosen by users are never labels (``MetricLabel``).
struct NodeMetrics: Sendable {
    private let opened: Counter
    private let tlsFailures: Counter
    private let closed: Counter
    private let received: Counter
    private let publications: Counter
    private let deliveries: Counter
    private let droppedPublications: Counter
    private let refusedPublications: Counter
    private let refusedClientMessages: Counter
    private let slowConsumers: Counter
    private let slowMessages: Counter
    private let idleClients: Counter
    private let unresponsiveClients: Counter
    private let clientsGoneUnread: Counter
    private let fastClients: Counter
    private let droppedMessages: Counter
    private let refusedConnections: Counter
    private let groupsLeftOut: Counter
    private let acceptPauses: Counter
    private let leasesLost: Counter
    private let reapedNodes: Counter
    private let lostOperations: Counter
    /// Seconds from a dead node's last heartbeat to the removal of its connections.
    private let removalDelays: Timer
    private let handshakeRefusals: LabelledCounters<RefusalReason>
    private let closes: LabelledCounters<ConnectionClose>
    private let requests: LabelledCounters<RequestAnswer>
    private let changes: LabelledCounters<RequestedChange>
    private let failedSessions: LabelledCounters<SessionFailure>

    init(factory: any MetricsFactory = MetricsSystem.factory) {
        self.tlsFailures = Counter(label: "volary_tls_handshakes_failed", factory: factory)
        self.opened = Counter(label: "volary_connections_opened", factory: factory)
        self.closed = Counter(label: "volary_connections_closed", factory: factory)
        self.received = Counter(label: "volary_messages_received", factory: factory)
        self.publications = Counter(label: "volary_publications_delivered", factory: factory)
        self.deliveries = Counter(label: "volary_deliveries", factory: factory)
        self.droppedPublications = Counter(label: "volary_publications_dropped", factory: factory)
        self.refusedPublications = Counter(label: "volary_publications_refused", factory: factory)
        self.refusedClientMessages = Counter(label: "volary_client_messages_refused", factory: factory)
        self.slowConsumers = Counter(label: "volary_slow_consumers", factory: factory)
        self.slowMessages = Counter(label: "volary_slow_messages", factory: factory)
        self.idleClients = Counter(label: "volary_idle_clients", factory: factory)
        self.unresponsiveClients = Counter(label: "volary_unresponsive_clients", factory: factory)
        self.clientsGoneUnread = Counter(label: "volary_clients_gone_unread", factory: factory)
        self.fastClients = Counter(label: "volary_clients_over_rate", factory: factory)
        self.droppedMessages = Counter(label: "volary_messages_dropped", factory: factory)
        self.refusedConnections = Counter(label: "volary_connections_refused", factory: factory)
        self.groupsLeftOut = Counter(label: "volary_token_groups_left_out", factory: factory)
        self.acceptPauses = Counter(label: "volary_accept_pauses", factory: factory)
        self.leasesLost = Counter(label: "volary_leases_lost", factory: factory)
        self.reapedNodes = Counter(label: "volary_nodes_reaped", factory: factory)
        self.lostOperations = Counter(label: "volary_operations_lost", factory: factory)
        self.removalDelays = Timer(label: "volary_ghost_time", factory: factory)
        self.handshakeRefusals = LabelledCounters("volary_handshakes_refused", factory: factory)
        self.closes = LabelledCounters("volary_websocket_closes", factory: factory)
        self.requests = LabelledCounters("volary_http_requests", factory: factory)
        self.changes = LabelledCounters("volary_rest_changes", factory: factory)
        self.failedSessions = LabelledCounters("volary_sessions_lost", factory: factory)
    }

    /// Also counts load balancers that only check whether the port is open.
    func tlsHandshakeFailed() { self.tlsFailures.increment() }

    func connectionOpened() { self.opened.increment() }

    func connectionClosed() { self.closed.increment() }

    func messageReceived() { self.received.increment() }

    /// Publications that one event loop delivered together, and the connections that received them, added up over the
    /// publications.
    func delivered(publications: Int, deliveries: Int) {
        self.publications.increment(by: publications)
        self.deliveries.increment(by: deliveries)
    }

    /// Publications dropped because the queue of an event loop was full.
    func dropped(publications: Int) { self.droppedPublications.increment(by: publications) }

    /// The broker refused a client's message.
    func publicationRefused() { self.refusedPublications.increment() }

    /// A client without permission sent a message.
    func clientMessageRefused() { self.refusedClientMessages.increment() }

    /// A connection was closed because its client exceeded a limit.
    func limitExceeded(_ violation: LimitViolation) {
        switch violation {
        case .unsentBytes, .unsentAge: self.slowConsumers.increment()
        case .slowMessage: self.slowMessages.increment()
        case .idle: self.idleClients.increment()
        case .unresponsive: self.unresponsiveClients.increment()
        case .rate: self.fastClients.increment()
        }
    }

    /// A client ended its half of the connection with more unread bytes than the node keeps; the rest was dropped.
    func clientGoneUnread() { self.clientsGoneUnread.increment() }

    /// A client's message was dropped because of its rate limit.
    func messageDropped() { self.droppedMessages.increment() }

    /// A socket was refused because of a connection limit, or because its trusted proxy named no client.
    func connectionRefused() { self.refusedConnections.increment() }

    /// Groups of tokens that were ignored: invalid names, or above the limit of a connection.
    func tokenGroupsLeftOut(_ count: Int) { self.groupsLeftOut.increment(by: count) }

    /// Accepting was paused because no file descriptors were left.
    func acceptPaused() { self.acceptPauses.increment() }

    func leaseLost() { self.leasesLost.increment() }

    func reaped(silence: Duration) {
        self.reapedNodes.increment()
        self.removalDelays.record(duration: silence)
    }

    /// Messages and changes of resumable connections that Redis had confirmed and has lost, and that this node cannot send again.
    func operationsLost(_ count: Int) { self.lostOperations.increment(by: count) }

    // MARK: - By label; called by ``ActivityLog``

    func handshakeRefused(_ reason: RefusalReason) { self.handshakeRefusals.increment(reason) }

    func connectionClosed(_ close: ConnectionClose) { self.closes.increment(close) }

    func requestAnswered(_ answer: RequestAnswer) { self.requests.increment(answer) }

    func changed(_ change: RequestedChange) { self.changes.increment(change) }

    /// A resumable connection has ended, and its client was told that it cannot resume it.
    func sessionFailed(_ failure: SessionFailure) { self.failedSessions.increment(failure) }
}
