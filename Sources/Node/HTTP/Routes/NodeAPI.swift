import HTTPTypes
import NIOCore
import VolaryBackplane
import VolaryProtocol

/// The HTTP interface of a node: its middleware, in the order in which a request passes it, and its routes.
struct NodeAPI: Sendable {
    let configuration: NodeConfiguration
    let links: NodeServer.ClusterServices
    let publisher: Publisher
    let inventory: Inventory
    let tracing: TraceCollector?
    let presence: PresenceReporter<ContinuousClock>
    let sessions: ResumableSessions?
    let connections: ConnectionManager
    let quotas: HubQuotas
    let directory: NodeDirectory
    let registry: MetricsRegistry
    let latencies: LatencyMetrics
    let activity: ActivityLog
    let life: LifecyclePhase
    let access: RESTAuthenticator
    let admission: Admission
    let negotiation: NegotiateRoute
    let connectionRequests: ConnectionRequestRoutes

    func routes() -> RouteTable {
        let settings = self.configuration.httpSettings
        var routes = RouteTable(middleware: self.middleware())
        let idempotency = IdempotencyMiddleware(store: self.links.idempotency, maximumBodyBytes: settings.maximumBodyBytes)
        let pushing = PushService(
            publisher: self.publisher,
            inventory: self.inventory,
            sessions: self.sessions,
            directory: self.directory,
            idempotency: idempotency,
            body: PushBody(
                maximumBodyBytes: settings.maximumBodyBytes,
                maximumMessageBytes: self.configuration.maximumMessageBytes
            )
        )
        ConnectionRoutes(
            inventory: self.inventory,
            publisher: self.publisher,
            pushing: pushing,
            activity: self.activity
        ).add(to: &routes)
        AudienceRoutes(publisher: self.publisher, pushing: pushing, activity: self.activity).add(to: &routes)
        HistoryRoutes(
            broker: self.links.broker,
            access: HistoryAccess(
                rest: self.access,
                pubSub: PubSubAuthenticator(keys: self.configuration.access.accessKeys, now: self.publisher.now)
            ),
            events: EventStreamProtocol(precision: self.configuration.timestampPrecision),
            now: self.publisher.now
        ).add(to: &routes)
        TraceRoutes(collector: self.tracing, inventory: self.inventory, directory: self.directory).add(to: &routes)
        NodeRoutes(
            inventory: self.inventory,
            directory: self.directory,
            publisher: self.publisher,
            activity: self.activity,
            idempotency: idempotency,
            readiness: { self.readiness },
            access: self.access
        ).add(to: &routes)
        MetricsRoutes(registry: self.registry, gauges: { self.gauges }).add(to: &routes)
        self.pubSub.add(to: &routes)
        self.negotiation.add(to: &routes)
        self.connectionRequests.add(to: &routes)
        WebSocketRoutes().add(to: &routes)
        OpenAPIRoutes().add(to: &routes)
        SwaggerRoutes(assets: self.configuration.swaggerAssets).add(to: &routes)
        ConsoleRoutes().add(to: &routes)
        return routes
    }

    private var pubSub: PubSubAPI {
        PubSubAPI(
            publisher: self.publisher,
            inventory: self.inventory,
            sessions: self.sessions,
            directory: self.directory,
            activity: self.activity,
            keys: self.configuration.access.accessKeys
        )
    }

    private func middleware() -> Middleware {
        let origin = OriginMiddleware(
            origins: self.configuration.corsOrigins,
            webSocketOrigins: self.configuration.access.origins ?? .these([]),
            activity: self.activity
        )
        let problems = ProblemMiddleware()
        let limit = RequestLimitMiddleware(maximumRequests: self.configuration.maximumRequests)
        let target = RequestTargetMiddleware()
        // Before idempotency and routes, because stored answers belong to a caller.
        let access = AccessMiddleware(access: self.access)
        let (activity, latencies, pubSub) = (self.activity, self.latencies, self.pubSub)
        return { request, context, route in
            let start = NIODeadline.now()
            var problem: Problem?
            let isPubSub = PubSubAPI.serves(request.path)
            var response = try await origin.handle(request, context) { request, context in
                try await problems.handle(request, context, isPubSub: isPubSub, found: { problem = $0 }) { request, context in
                    try await limit.handle(request, context) { request, context in
                        try await target.handle(request, context, allowsFinalSlash: isPubSub) { request, context in
                            guard !isPubSub else { return try await pubSub.handle(request, context, next: route) }
                            return try await access.handle(request, context, next: route)
                        }
                    }
                }
            }
            if isPubSub { response.headers[.supportedVersions] = PubSubVersion.list }
            activity.requestAnswered(context.route, status: response.status.code, problem)
            latencies.requestAnswered(context.route, after: .now() - start)
            return response
        }
    }

    private var readiness: Readiness {
        Readiness(
            draining: self.life.phase != .serving,
            relay: Readiness.Part(self.links.broker.health),
            presence: Readiness.Part(self.presence.condition)
        )
    }

    private var gauges: [Gauge] {
        let relay = self.links.broker.health
        let (traffic, audiences) = (self.connections.traffic, self.connections.audiences)
        return [
            Gauge("volary_connections", self.connections.count),
            Gauge.hubs("volary_hub_connections", self.connections.countsByHub),
            self.quotas.gauge,
            Gauge("volary_connections_all_endpoints", self.connections.total),
            Gauge("volary_sessions", self.connections.resumable),
            Gauge("volary_groups", audiences.groups),
            Gauge("volary_users", audiences.users),
            Gauge("volary_received_bytes_total", traffic.received),
            Gauge("volary_sent_bytes_total", traffic.sent),
            Gauge("volary_unsent_bytes", traffic.unsent),
            Gauge("volary_sockets", self.admission.open),
            Gauge("volary_sockets_max", self.admission.maximumConnections),
            Gauge("volary_relay_up", relay.isUp ? 1 : 0),
            Gauge("volary_relay_interruptions", relay.interruptions),
            Gauge("volary_relay_waiting", relay.waiting),
            Gauge("volary_relay_expired", relay.expired),
            Gauge("volary_subscriptions_pending", relay.pending),
            Gauge("volary_relay_lost", relay.lost),
            Gauge("volary_relay_gaps", relay.gaps),
            Gauge("volary_relay_recovered", relay.recovered),
            Gauge("volary_relay_lag_microseconds", relay.lag.map { Int($0 / .microseconds(1)) } ?? 0),
            Gauge("volary_presence_up", self.presence.health == .up ? 1 : 0),
            Gauge("volary_nodes_live", self.directory.live.count),
            Gauge("volary_log_lines_lost_total", LogBootstrap.lostLines),
        ] + Gauge.process(startedAt: self.directory.own.record.startedAt)
    }
}
