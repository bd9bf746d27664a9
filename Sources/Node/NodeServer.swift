import Hummingbird
public import Logging
import NIOConcurrencyHelpers
public import NIOCore
import NIOPosix
public import ServiceLifecycle
public import VolaryBackplane
public import VolaryProtocol

/// One node: puts its parts together and runs them until it is told to stop.
///
/// Services start in the order in which they depend on each other, and stop in reverse: drain, HTTP, presence, broker.
public struct NodeServer: Service {
    /// Of the program, as nodes report it.
    public static let version = "0.1.0"

    /// What joins this node to the others.
    public struct ClusterServices: Sendable {
        public let broker: any Broker
        public let store: any PresenceStore
        public let idempotency: any IdempotencyStore

        /// - Parameter idempotency: by default one of the node's own; nodes that are to agree share one.
        public init(
            broker: any Broker,
            store: any PresenceStore,
            idempotency: any IdempotencyStore = MemoryIdempotencyStore()
        ) {
            self.broker = broker
            self.store = store
            self.idempotency = idempotency
        }
    }

    let configuration: NodeConfiguration
    let logger: Logger
    let group: MultiThreadedEventLoopGroup
    let shutdownRequest: ShutdownRequest
    let receipts: ReceiptCollector
    let deadlines: DrainDeadlines<ContinuousClock>
    let reload: Reload
    /// Set when the node ends because it cannot have its name.
    let nameTaken: NIOLockedValueBox<NodeNameTaken?>
    let services: [any Service]
    /// Shut down before them.
    let drain: Drain<ContinuousClock>

    /// - Throws: ``TooFewFiles``.
    /// - Parameters:
    ///   - makeLinks: called once, with the node's id and an event loop for its links; by default Redis, or memory when there is none in
    ///     the configuration.
    ///   - onListening: called with the port once connections are accepted.
    public init(
        configuration: NodeConfiguration,
        logger: Logger,
        makeLinks: ((NodeID, any EventLoop) throws -> ClusterServices)? = nil,
        onListening: @escaping @Sendable (Int) -> Void = { _ in }
    ) throws {
        // An event loop that gets no descriptors ends the process.
        try FileDescriptors.check(limit: FileDescriptors.limit, threads: configuration.threads)
        let group = MultiThreadedEventLoopGroup(numberOfThreads: configuration.threads)
        let id = NodeID.random()
        let now = UTCClock.now
        let shutdownRequest = ShutdownRequest()
        let name = NodeName(given: configuration.name, port: configuration.port, id: id)
        let record = NodeRecord(
            id: id,
            name: name.text,
            version: Self.version,
            startedAt: now(),
            leaseMilliseconds: configuration.lease.milliseconds
        )
        let named = NodeLogHandler(writingTo: logger.handler, name: name)
        let logger = Logger(label: logger.label) { _ in SampledLogHandler(writingTo: named) }

        let linkLoop = group.next()
        let links = try makeLinks?(id, linkLoop) ?? Self.links(configuration, id: id, eventLoop: linkLoop, logger: logger)
        let registry = MetricsRegistry()
        let metrics = NodeMetrics(factory: registry)
        // It writes different kinds of lines from one place, and bounds each itself.
        let activity = ActivityLog(metrics: metrics, logger: Logger(label: logger.label) { _ in named })
        let webSocketSettings = configuration.webSocketSettings(now: now)
        let admission = Self.admission(configuration, logger: logger)
        let connections = ConnectionManager(
            node: id,
            eventLoops: Array(group.makeIterator()),
            pingInterval: webSocketSettings.timeouts.shortest,
            sockets: admission
        )
        let directory = NodeDirectory(own: record)
        let inventory = Inventory(store: links.store, connections: connections, directory: directory, logger: logger)
        let receipts = ReceiptCollector(eventLoop: linkLoop, directory: directory) { await inventory.refreshDirectory() }
        let publisher = Publisher(node: id, broker: links.broker, receipts: receipts, now: now)
        let announcer = Announcer(limit: configuration.announcementsPerSecond, publisher: publisher, eventLoop: linkLoop)
        let nameTaken = NIOLockedValueBox<NodeNameTaken?>(nil)
        let presence = PresenceReporter(
            record: record,
            store: links.store,
            connections: connections,
            directory: directory,
            announcer: announcer,
            metrics: metrics,
            logger: logger,
            clock: ContinuousClock(),
            name: name,
            isAlive: { node throws(PresenceError) in try await publisher.isAlive(node) },
            nameIsTaken: {
                nameTaken.withLockedValue { $0 = NodeNameTaken(name: name.text) }
                shutdownRequest.request(.immediate)
            },
            awaitsSubscription: true,
            pause: { try? await linkLoop.scheduleTask(in: .milliseconds(2)) {}.futureResult.get() }
        )
        let interest = TopicInterest(broker: links.broker, clock: ContinuousClock())
        let delivery = Delivery(
            connections: connections,
            receipts: receipts,
            requests: ConnectionCommands(connections: connections, interest: interest, presence: presence),
            shutdownRequest: shutdownRequest,
            broker: links.broker,
            metrics: metrics,
            logger: logger,
            now: now,
            precision: configuration.timestampPrecision
        )
        links.broker.attach(delivery)
        let life = LifecyclePhase()
        let behavior = EndpointBehavior(
            connections: connections,
            publisher: publisher,
            presence: presence,
            interest: interest,
            metrics: metrics,
            activity: activity,
            clientMessages: configuration.clientMessages,
            nodeName: name,
            precision: configuration.timestampPrecision,
            now: now
        )
        let httpSettings = configuration.httpSettings
        let access = configuration.access
        let tokens = access.tokens(now: now)
        let api = NodeAPI(
            configuration: configuration,
            links: links,
            publisher: publisher,
            inventory: inventory,
            presence: presence,
            connections: connections,
            directory: directory,
            registry: registry,
            activity: activity,
            life: life,
            access: RESTAuthenticator(key: access.apiKey, keys: access.apiKeys, tokens: tokens),
            admission: admission
        )
        let webSocketAccess = WebSocketAuthenticator(
            origins: access.origins,
            tokens: tokens,
            acceptsAnonymous: access.acceptsAnonymousClients,
            groupsLeftOut: { metrics.tokenGroupsLeftOut($0) }
        )
        access.logUnusableKeys(logger: logger)
        let tlsFailed: @Sendable (any Error) -> Void = { [logger] error in
            metrics.tlsHandshakeFailed()
            logger.debug("A TLS handshake failed", metadata: [LogKey.error: "\(ErrorText.of(error))"])
        }
        let deadlines = DrainDeadlines(
            shutdownRequest: shutdownRequest,
            delay: configuration.drainDelay,
            timeout: configuration.drainTimeout,
            clock: ContinuousClock()
        )
        let listener = HTTPListener(
            host: configuration.host,
            port: configuration.port,
            group: group,
            server: ServerChannel(
                settings: httpSettings,
                tls: configuration.tls,
                tlsFailed: tlsFailed,
                admission: admission,
                metrics: metrics,
                activity: activity,
                acceptsConnections: { life.phase < .draining },
                keepsConnections: { life.phase == .serving },
                acceptsUserQuery: configuration.acceptsUserQuery,
                compresses: configuration.compresses,
                webSocketAdmission: WebSocketAdmission(access: webSocketAccess) { await interest.reserve($0) },
                makeWebSocketHandler: { guest in
                    WebSocketHandler(settings: webSocketSettings, guest: guest, events: behavior)
                }
            ),
            responder: api.router().buildResponder(),
            logger: logger,
            timeIsUp: { await deadlines.reached(.requests) },
            onListening: { [logger] channel in
                // As soon as there is a listener; until then NIO's own, longer, pause serves.
                try? await channel.eventLoop.submit {
                    let pause = AcceptBackoff(logger: logger, metrics: metrics)
                    try channel.pipeline.syncOperations.addHandler(pause, position: .first)
                }.get()
                onListening(channel.localAddress?.port ?? configuration.port)
            }
        )
        self.drain = Drain(
            shutdownRequest: shutdownRequest,
            life: life,
            connections: connections,
            announce: presence.beginDraining,
            unsent: { links.broker.health.waiting },
            delay: configuration.drainDelay,
            timeout: configuration.drainTimeout,
            logger: logger,
            clock: ContinuousClock()
        )
        self.configuration = configuration
        self.logger = logger
        self.group = group
        self.shutdownRequest = shutdownRequest
        self.receipts = receipts
        self.deadlines = deadlines
        self.nameTaken = nameTaken
        if !access.isProtected, !AccessConfiguration.isLoopback(configuration.host) {
            logger.warning("Everybody who reaches this node may use it: --insecure")
        }
        self.reload = Reload(
            actions: (configuration.tls.map { tls in [{ tls.reload(logger: $0) }] } ?? []) + access.reloads,
            logger: logger
        )
        self.services = [
            links.broker, ShutdownOrdering(base: links.store, otherEnded: { await presence.ended() }),
            NodeTopicsService(broker: links.broker, node: id, logger: logger) { presence.subscribed() },
            // Clients that come at once are told to the store at once.
            LoopService(base: presence, eventLoop: linkLoop), listener,
        ]
    }

    private static func links(
        _ configuration: NodeConfiguration,
        id: NodeID,
        eventLoop: any EventLoop,
        logger: Logger
    ) throws -> ClusterServices {
        guard let redis = configuration.redis else {
            return ClusterServices(
                broker: MemoryBroker(bus: MemoryBus(), node: id, eventLoop: eventLoop),
                store: MemoryPresenceStore(shared: MemoryPresence())
            )
        }
        let watch = MasterResolver(configuration: redis, eventLoop: eventLoop, logger: logger)
        let store = RedisPresenceStore(resolver: watch, logger: logger)
        return ClusterServices(
            broker: RedisBroker(watch: watch, settings: configuration.broker, node: id, logger: logger),
            store: store,
            idempotency: RedisIdempotencyStore(sharing: store)
        )
    }

    /// A limit that the operator has set too high for the limit of open files would be none: what is accepted past that ends in errors.
    private static func admission(_ configuration: NodeConfiguration, logger: Logger) -> Admission {
        let (limit, threads) = (FileDescriptors.limit, configuration.threads)
        let room = FileDescriptors.connections(ofLimit: limit, threads: threads)
        let settings = configuration.admission
        if let wanted = settings.maximumConnections, wanted > room {
            let needed = FileDescriptors.needed(connections: wanted, threads: threads)
            logger.warning(
                "max-connections is lowered to \(room): the limit of open files is \(limit), and \(wanted) need \(needed) (ulimit -n)"
            )
        }
        return Admission(
            maximumConnections: min(settings.maximumConnections ?? room, room),
            maximumPerAddress: settings.maximumPerAddress,
            proxies: settings.proxies
        )
    }
}
