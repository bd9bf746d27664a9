import Atomics
import NIOCore
import VolaryBackplane
import VolaryProtocol

/// The parts of a node for its clients: endpoints, client protocols, admission, and applications.
struct ClientSide: Sendable {
    let endpoints: [Endpoint]
    /// nil: the configuration has no file of hubs.
    let routes: PubSubRoutes?
    /// Of event streams.
    let events: Endpoint
    let admission: WebSocketAdmission
    /// What the dispatchers of hubs are doing.
    private let calls: ManagedAtomic<Int>
    let host: ConnectionHost
    private let history: EventStreamHistory
    private let webSocketSettings: WebSocketSettings

    /// - Parameters:
    ///   - subprotocols: additional WebSocket subprotocols of `/ws`.
    ///   - hubs: with methods for their clients.
    ///   - moreEndpoints: called once, with the application of `/ws`.
    init(
        _ foundation: NodeFoundation,
        _ cluster: ClusterSide,
        tokens: TokenVerifier?,
        handlers: EventHandlers?,
        subprotocols: [(name: String, base: any ClientProtocol)],
        hubs: [ServedHub],
        moreEndpoints: (any Application) -> [Endpoint]
    ) {
        let (configuration, metrics) = (foundation.configuration, foundation.metrics)
        let relay = PlainRelay(
            publisher: cluster.publisher,
            listing: ConnectionListing(presence: cluster.presence, interest: cluster.interest),
            metrics: metrics,
            clientMessages: configuration.clientMessages,
            nodeName: foundation.name
        )
        let pubSub = PubSubRelay(
            publisher: cluster.publisher,
            listing: ConnectionListing(presence: cluster.presence, interest: cluster.interest),
            handlers: handlers,
            metrics: metrics
        )
        let protocols = PubSubProtocols(reliable: cluster.sessions?.spoken)
        let plain = Endpoint.plain(relay, precision: configuration.timestampPrecision, more: subprotocols)
        let calls = ManagedAtomic(0)
        self.calls = calls
        self.endpoints =
            [plain, .echo(Echo(now: foundation.now))] + Endpoint.webPubSub(pubSub, protocols)
            + hubs.map { hub in
                .hub(
                    hub,
                    maximumRecordBytes: configuration.maximumRecordBytes,
                    calls: configuration.hubCalls,
                    listing: relay.listing,
                    logger: foundation.logger,
                    unfinished: calls
                )
            } + moreEndpoints(relay)
        self.routes = configuration.events.map { PubSubRoutes($0, pubSub, protocols) }
        self.events = .events(relay, precision: configuration.timestampPrecision)
        let (interest, broker) = (cluster.interest, cluster.links.broker)
        self.admission = WebSocketAdmission(
            access: WebSocketAuthenticator(
                origins: configuration.access.origins,
                tokens: tokens,
                acceptsAnonymous: configuration.access.acceptsAnonymousClients,
                requiresToken: configuration.access.hasCredentials,
                groupsLeftOut: { metrics.tokenGroupsLeftOut($0) }
            ),
            pubSub: PubSubAuthenticator(
                keys: configuration.access.accessKeys,
                now: foundation.now,
                connect: handlers.map { handlers in
                    let connections = cluster.connections
                    return .init(handlers: handlers) { connections.makeID(on: connections.shard(of: $0)) }
                }
            ),
            quotas: configuration.hubLimits.connections.map { _ in cluster.quotas },
            sessions: cluster.sessions,
            now: foundation.now,
            isHeld: { [connections = cluster.connections] in connections.shard(of: $0) != nil },
            take: { await cluster.take($0, in: $1) },
            isSubscribed: cluster.hasSubscribed,
            position: { hub in try? await broker.read([.all(hub)], after: nil, limit: 0).through },
            reserve: { await interest.reserve($0) }
        )
        self.history = EventStreamHistory(broker: broker, now: foundation.now)
        self.host = ConnectionHost(
            connections: cluster.connections,
            settings: configuration.connectionSettings(now: foundation.now),
            observer: NodeObserver(metrics: metrics, activity: foundation.activity),
            traces: cluster.tracing?.traces
        )
        self.webSocketSettings = configuration.webSocketSettings(now: foundation.now)
    }

    /// Calls, and notices of new and ended connections, that hubs have not finished.
    var unfinishedCalls: Int { self.calls.load(ordering: .relaxed) }

    /// The queue of an event loop of the node, on this loop.
    func turns(on eventLoop: any EventLoop) -> TurnQueue { self.host.connections.shard(of: eventLoop).turns }

    /// Opens the connection of a client without a socket.
    func open(
        _ admitted: WebSocketAdmission.AdmittedClient,
        _ transport: MemoryTransport,
        on eventLoop: any EventLoop
    ) -> ConnectionID {
        transport.open(admitted, on: self.host.connections.shard(of: eventLoop), host: self.host)
    }

    /// Opens the connection of a client of long polling, on its event loop. It counts as a socket of the node.
    func openLongPolling(
        _ admitted: WebSocketAdmission.AdmittedClient,
        on eventLoop: any EventLoop,
        in sockets: Admission
    ) throws(WebSocketHandshake.Refusal) {
        guard sockets.enter() == .within else {
            sockets.release()
            throw .overLimit(.tooManyConnections)
        }
        let transport = LongPollTransport(on: eventLoop, settings: self.webSocketSettings) { sockets.release() }
        transport.open(admitted, on: self.host.connections.shard(of: eventLoop), host: self.host)
    }

    func makeTransport(
        _ admitted: WebSocketAdmission.AdmittedClient,
        _ carrier: WebSocketCarrier
    ) -> any TransportHandler {
        guard admitted.client.carrier != .eventStream else {
            return EventStreamTransport(
                settings: self.webSocketSettings,
                admitted: admitted,
                carrier: carrier,
                host: self.host,
                history: self.history
            )
        }
        return WebSocketTransport(settings: self.webSocketSettings, admitted: admitted, carrier: carrier, host: self.host)
    }
}
