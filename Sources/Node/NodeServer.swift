public import Logging
import NIOConcurrencyHelpers
public import NIOCore
import NIOPosix
public import ServiceLifecycle
public import VolaryBackplane
public import VolaryProtocol

/// One node: creates its parts and runs them until shutdown.
///
/// Services start in the order of their dependencies and stop in reverse: drain, HTTP, presence, broker.
public struct NodeServer: Service {
    /// Version of the program, as nodes report it.
    public static let version = "0.1.0"

    /// The connections of this node to the other nodes.
    public struct ClusterServices: Sendable {
        public let broker: any Broker
        public let store: any PresenceStore
        public let idempotency: any IdempotencyStore
        /// nil: no client can resume its connection.
        public let sessions: SessionService?
        /// The bytes that a hub keeps in the store of the cluster, for `--hub-storage`; nil if they are not limited.
        let storage: (@Sendable (HubName) async -> Int?)?

        /// - Parameters:
        ///   - idempotency: by default the node's own store. Nodes that share idempotency keys must share a store.
        ///   - sessions: of the same hubs as the broker.
        public init(
            broker: any Broker,
            store: any PresenceStore,
            idempotency: any IdempotencyStore = MemoryIdempotencyStore(),
            sessions: SessionService? = nil
        ) {
            self.init(broker: broker, store: store, idempotency: idempotency, sessions: sessions, storage: nil)
        }

        init(
            broker: any Broker,
            store: any PresenceStore,
            idempotency: any IdempotencyStore = MemoryIdempotencyStore(),
            sessions: SessionService? = nil,
            storage: (@Sendable (HubName) async -> Int?)?
        ) {
            self.storage = storage
            self.broker = broker
            self.store = store
            self.idempotency = idempotency
            self.sessions = sessions
        }
    }

    let configuration: NodeConfiguration
    let logger: Logger
    let group: MultiThreadedEventLoopGroup
    let shutdownRequest: ShutdownRequest
    let receipts: ReceiptCollector
    let deadlines: DrainDeadlines<ContinuousClock>
    let reload: Reload
    /// Set when the node stops because of nodes that it found.
    let refusal: NIOLockedValueBox<StartRefusal?>
    let services: [any Service]
    let clients: ClientSide
    let hasSubscribed: @Sendable () -> Bool
    /// Shuts down before the other services.
    let drain: Drain<ContinuousClock>

    /// - Throws: ``TooFewFiles``.
    /// - Parameters:
    ///   - subprotocols: additional client protocols of `/ws`, by WebSocket subprotocol.
    ///   - hubs: hubs with methods for their clients, of different names.
    ///   - makeLinks: called once, with the node's id and the event loop for its links. The default uses Redis, or memory if
    ///     the configuration has no Redis.
    ///   - onListening: called with the port once connections are accepted.
    public init(
        configuration: NodeConfiguration,
        logger: Logger,
        subprotocols: [(name: String, base: any ClientProtocol)] = [],
        hubs: [ServedHub] = [],
        makeLinks: ((NodeID, any EventLoop) throws -> ClusterServices)? = nil,
        onListening: @escaping @Sendable (Int) -> Void = { _ in }
    ) throws {
        try self.init(
            configuration: configuration,
            logger: logger,
            subprotocols: subprotocols,
            hubs: hubs,
            moreEndpoints: { _ in [] },
            makeLinks: makeLinks,
            onListening: onListening
        )
    }

    /// A node without a socket, whose clients are in this process.
    package init(
        inMemory configuration: NodeConfiguration,
        logger: Logger,
        hubs: [ServedHub],
        makeLinks: @escaping (NodeID, any EventLoop) throws -> ClusterServices
    ) throws {
        try self.init(
            configuration: configuration,
            logger: logger,
            subprotocols: [],
            hubs: hubs,
            moreEndpoints: { _ in [] },
            makeLinks: makeLinks,
            listens: false,
            onListening: { _ in }
        )
    }

    /// See the public initializer.
    /// - Parameters:
    ///   - moreEndpoints: called once, with the application of `/ws`.
    ///   - listens: false: only clients without a socket can connect.
    init(
        configuration: NodeConfiguration,
        logger: Logger,
        subprotocols: [(name: String, base: any ClientProtocol)],
        hubs: [ServedHub] = [],
        moreEndpoints: (any Application) -> [Endpoint],
        makeLinks: ((NodeID, any EventLoop) throws -> ClusterServices)?,
        listens: Bool = true,
        onListening: @escaping @Sendable (Int) -> Void
    ) throws {
        // An event loop that cannot get its file descriptors would end the process.
        try FileDescriptors.check(limit: FileDescriptors.limit, threads: configuration.threads)
        let group = MultiThreadedEventLoopGroup(numberOfThreads: configuration.threads)
        let foundation = NodeFoundation(configuration, logger: logger, linkLoop: group.next())
        let links = try makeLinks?(foundation.id, foundation.linkLoop) ?? ClusterServices(foundation)
        let admission = Self.admission(configuration, logger: foundation.logger)
        let cluster = ClusterSide(
            foundation,
            links: links,
            eventLoops: Array(group.makeIterator()),
            sockets: admission,
            servesHubs: !hubs.isEmpty
        )
        let tokens = configuration.access.tokens(now: foundation.now)
        let handlers = EventHandlers(foundation, group: group)
        let clients = ClientSide(
            foundation,
            cluster,
            tokens: tokens,
            handlers: handlers,
            subprotocols: subprotocols,
            hubs: hubs,
            moreEndpoints: moreEndpoints
        )
        for hub in hubs { hub.dispatcher.started(with: cluster.operations(on: hub.name)) }
        let deadlines = DrainDeadlines(
            shutdownRequest: foundation.shutdownRequest,
            delay: configuration.drainDelay,
            timeout: configuration.drainTimeout,
            clock: ContinuousClock()
        )
        let http = HTTPSide(
            foundation,
            cluster,
            clients,
            tokens: tokens,
            admission: admission,
            deadlines: deadlines,
            group: group,
            onListening: onListening
        )
        self.configuration = configuration
        self.logger = foundation.logger
        self.group = group
        self.shutdownRequest = foundation.shutdownRequest
        self.receipts = cluster.receipts
        self.deadlines = deadlines
        self.refusal = foundation.refusal
        self.drain = Self.drain(foundation, cluster, clients, handlers)
        self.reload = Self.reload(foundation, handlers)
        self.services = Self.services(foundation, cluster, handlers, listens ? http.listener : nil)
        self.clients = clients
        self.hasSubscribed = cluster.hasSubscribed
    }

    private static func drain(
        _ foundation: NodeFoundation,
        _ cluster: ClusterSide,
        _ clients: ClientSide,
        _ handlers: EventHandlers?
    ) -> Drain<ContinuousClock> {
        let broker = cluster.links.broker
        return Drain(
            shutdownRequest: foundation.shutdownRequest,
            life: foundation.life,
            connections: cluster.connections,
            acceptNoFurtherStreams: {
                foundation.http2.acceptNoFurtherStreams()
                cluster.forwarded.endPolls()
            },
            announce: cluster.presence.beginDraining,
            unsent: { broker.health.waiting + (handlers?.unfinished ?? 0) + clients.unfinishedCalls },
            delay: foundation.configuration.drainDelay,
            timeout: foundation.configuration.drainTimeout,
            logger: foundation.logger,
            clock: ContinuousClock()
        )
    }

    /// Creates the reload of files. Logs warnings about unusable keys and about a node without access control.
    private static func reload(_ foundation: NodeFoundation, _ handlers: EventHandlers?) -> Reload {
        let (configuration, logger) = (foundation.configuration, foundation.logger)
        configuration.access.logUnusableKeys(logger: logger)
        if !configuration.access.isProtected, !AccessConfiguration.isLoopback(configuration.host) {
            logger.warning("Everyone who can reach this node can use it: --insecure")
        }
        var actions = (configuration.tls.map { tls in [{ tls.reload(logger: $0) }] } ?? []) + configuration.access.reloads
        if let handlers, configuration.events?.file != nil { actions.append { handlers.reload(logger: $0) } }
        return Reload(actions: actions, logger: logger)
    }

    /// In the order of their start.
    private static func services(
        _ foundation: NodeFoundation,
        _ cluster: ClusterSide,
        _ handlers: EventHandlers?,
        _ listener: HTTPListener?
    ) -> [any Service] {
        let (links, presence) = (cluster.links, cluster.presence)
        let sessions: [any Service] = cluster.sessions.map { [SessionsService(sessions: $0)] } ?? []
        let store: [any Service] = links.sessions?.connection.map { [$0] } ?? []
        let storage: [any Service] =
            cluster.quotas.limits.storageBytes == nil
            ? [] : links.storage.map { [HubStorageService(quotas: cluster.quotas, measure: $0)] } ?? []
        var events: [any Service] = handlers.map { [$0] } ?? []
        if let handlers, let store = links.sessions?.store {
            events.append(EndTeller(store: store, handlers: handlers, directory: cluster.directory))
        }
        let others = sessions + storage + events
        return [links.broker] + store + [
            ShutdownOrdering(base: links.store, otherEnded: { await presence.ended() }),
            NodeTopicsService(broker: links.broker, node: foundation.id, logger: foundation.logger) { cluster.subscribed() },
            // The presence reporter starts before the listener, so that the first clients are reported to the store at once.
            LoopService(base: presence, eventLoop: foundation.linkLoop),
        ] + others + (listener.map { [$0] } ?? [])
    }

    /// Lowers a limit on connections that exceeds the limit of open files, because connections above that limit end in errors.
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
