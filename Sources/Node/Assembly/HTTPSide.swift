import Logging
import NIOCore
import NIOPosix
import VolaryBackplane

/// The parts of a node that serve sockets: the listener, REST, and WebSocket handshakes.
struct HTTPSide: Sendable {
    let listener: HTTPListener

    /// - Parameter onListening: called with the port once connections are accepted.
    init(
        _ foundation: NodeFoundation,
        _ cluster: ClusterSide,
        _ clients: ClientSide,
        tokens: TokenVerifier?,
        admission: Admission,
        deadlines: DrainDeadlines<ContinuousClock>,
        group: MultiThreadedEventLoopGroup,
        onListening: @escaping @Sendable (Int) -> Void
    ) {
        let (configuration, logger, metrics) = (foundation.configuration, foundation.logger, foundation.metrics)
        self.listener = HTTPListener(
            host: configuration.host,
            port: configuration.port,
            group: group,
            server: Self.server(foundation, clients, admission: admission),
            routes: Self.api(foundation, cluster, clients, tokens: tokens, admission: admission).routes(),
            logger: logger,
            timeIsUp: { await deadlines.reached(.requests) },
            onListening: { channel in
                // Added once the listener exists. Until then NIO's own, longer pause after an error applies.
                try? await channel.eventLoop.submit {
                    let pause = AcceptBackoff(logger: logger, metrics: metrics)
                    try channel.pipeline.syncOperations.addHandler(pause, position: .first)
                }.get()
                onListening(channel.localAddress?.port ?? configuration.port)
            }
        )
    }

    private static func server(_ foundation: NodeFoundation, _ clients: ClientSide, admission: Admission) -> ServerChannel {
        let (configuration, metrics, logger) = (foundation.configuration, foundation.metrics, foundation.logger)
        return ServerChannel(
            settings: configuration.httpSettings,
            tls: configuration.tls,
            tlsFailed: { error in
                metrics.tlsHandshakeFailed()
                logger.debug("A TLS handshake failed", metadata: [LogKey.error: "\(ErrorText.of(error))"])
            },
            admission: admission,
            activity: foundation.activity,
            webSockets: Self.webSockets(foundation, clients),
            http2: foundation.http2,
            turns: clients.turns
        )
    }

    private static func webSockets(_ foundation: NodeFoundation, _ clients: ClientSide) -> WebSocketUpgrade {
        WebSocketUpgrade(
            endpoints: clients.endpoints,
            routes: clients.routes,
            events: clients.events,
            times: foundation.latencies.handshakes,
            acceptsUserQuery: foundation.configuration.acceptsUserQuery,
            compresses: foundation.configuration.compresses,
            admission: clients.admission,
            phase: foundation.life,
            activity: foundation.activity,
            makeTransport: clients.makeTransport
        )
    }

    private static func api(
        _ foundation: NodeFoundation,
        _ cluster: ClusterSide,
        _ clients: ClientSide,
        tokens: TokenVerifier?,
        admission: Admission
    ) -> NodeAPI {
        let access = foundation.configuration.access
        return NodeAPI(
            configuration: foundation.configuration,
            links: cluster.links,
            publisher: cluster.publisher,
            inventory: cluster.inventory,
            tracing: cluster.tracing,
            presence: cluster.presence,
            sessions: cluster.sessions,
            connections: cluster.connections,
            quotas: cluster.quotas,
            directory: cluster.directory,
            registry: foundation.registry,
            latencies: foundation.latencies,
            activity: foundation.activity,
            life: foundation.life,
            access: RESTAuthenticator(
                key: access.apiKey,
                keys: access.apiKeys,
                tokens: tokens,
                requiresCredentials: access.hasCredentials
            ),
            admission: admission,
            negotiation: NegotiateRoute(
                endpoints: clients.endpoints.filter { !$0.chosen.isEmpty },
                admission: clients.admission,
                acceptsUserQuery: foundation.configuration.acceptsUserQuery,
                life: foundation.life,
                now: foundation.now
            ),
            connectionRequests: ConnectionRequestRoutes(
                endpoints: clients.endpoints.filter { !$0.chosen.isEmpty },
                requests: ConnectionRequests(
                    connections: cluster.connections,
                    forwarded: cluster.forwarded,
                    webSockets: Self.webSockets(foundation, clients)
                ) { admitted, eventLoop throws(WebSocketHandshake.Refusal) in
                    try clients.openLongPolling(admitted, on: eventLoop, in: admission)
                },
                access: clients.admission.access,
                acceptsUserQuery: foundation.configuration.acceptsUserQuery,
                maximumBodyBytes: foundation.configuration.maximumMessageBytes,
                now: foundation.now
            )
        )
    }
}
