import Atomics
import Logging
import NIOConcurrencyHelpers
import NIOCore
import VolaryBackplane
import VolaryProtocol

/// The parts of a node for the other nodes: its connections by event loop, publisher, delivery and presence.
struct ClusterSide: Sendable {
    let links: NodeServer.ClusterServices
    let connections: ConnectionManager
    let directory: NodeDirectory
    let inventory: Inventory
    let receipts: ReceiptCollector
    /// nil: nothing is remembered of messages.
    let tracing: TraceCollector?
    private(set) var publisher: Publisher
    let presence: PresenceReporter<ContinuousClock>
    let interest: TopicInterest<ContinuousClock>
    let quotas: HubQuotas
    let forwarded: ForwardedRequests
    private let commands: ConnectionCommands
    private let isSubscribed = ManagedAtomic(false)
    /// nil: no client can resume its connection.
    let sessions: ResumableSessions?

    /// - Parameters:
    ///   - sockets: counts all sockets of the node.
    ///   - servesHubs: whether clients of SignalR may connect.
    init(
        _ foundation: NodeFoundation,
        links: NodeServer.ClusterServices,
        eventLoops: [any EventLoop],
        sockets: Admission,
        servesHubs: Bool
    ) {
        let (logger, loop) = (foundation.logger, foundation.linkLoop)
        self.links = links
        let shortest = foundation.configuration.connectionSettings(now: foundation.now).timeouts.shortest
        let connections = ConnectionManager(
            node: foundation.id,
            eventLoops: eventLoops,
            pingInterval: servesHubs ? min(shortest, foundation.configuration.hubCalls.times.shortest) : shortest,
            sockets: sockets
        )
        self.connections = connections
        for loop in eventLoops { EventLoopProbe(eventLoop: loop, histogram: foundation.latencies.eventLoops).start() }
        let directory = NodeDirectory(own: foundation.record)
        self.directory = directory
        let inventory = Inventory(
            store: links.store,
            connections: connections,
            directory: directory,
            logger: logger,
            life: foundation.life,
            sessions: links.sessions.map { SessionCatalog(store: $0.store) }
        )
        self.inventory = inventory
        self.receipts = ReceiptCollector(eventLoop: loop, directory: directory) { await inventory.refreshDirectory() }
        let tracing = foundation.configuration.traceBytes.map { bytes in
            TraceCollector(
                traces: MessageTraces(maximumBytes: bytes, now: foundation.now),
                directory: directory,
                broker: links.broker,
                eventLoop: loop
            )
        }
        self.tracing = tracing
        let limits = foundation.configuration.hubLimits
        self.quotas = HubQuotas(limits) { connections.count(in: $0) }
        self.publisher = Publisher(
            node: foundation.id,
            broker: links.broker,
            receipts: self.receipts,
            now: foundation.now,
            quotas: limits.limitsMessages ? self.quotas : nil,
            traces: tracing?.traces
        )
        self.presence = Self.presence(foundation, links.store, connections, directory, self.publisher)
        self.interest = TopicInterest(broker: links.broker, clock: ContinuousClock())
        self.commands = ConnectionCommands(connections: connections, interest: self.interest, presence: self.presence)
        self.forwarded = ForwardedRequests(
            node: foundation.id,
            broker: links.broker,
            maximumCount: foundation.configuration.maximumForwardedRequests
        ) { [store = links.store] in
            guard let nodes = try? await store.nodes() else { return nil }
            return Set(nodes.lazy.filter { !$0.expired }.map(\.record.id))
        }
        let delivery = Delivery(
            connections: connections,
            receipts: self.receipts,
            requests: self.commands,
            shutdownRequest: foundation.shutdownRequest,
            broker: links.broker,
            metrics: foundation.metrics,
            times: foundation.latencies.deliveries,
            tracing: tracing,
            logger: logger,
            now: foundation.now,
            forwarded: self.forwarded
        )
        links.broker.attach(delivery)
        let sessions = links.sessions.map { service in
            ResumableSessions(
                service,
                connections: connections,
                directory: directory,
                fanOut: SessionFanOut(shards: connections.shards, metrics: foundation.metrics, traces: tracing?.traces) {
                    delivery.answer([$0], count: $1)
                },
                loop: loop,
                lease: foundation.configuration.lease,
                now: foundation.now
            )
        }
        self.sessions = sessions
        self.publisher.sessions = sessions
    }

    /// Call once, when the node has subscribed to its own topics.
    func subscribed() {
        self.isSubscribed.store(true, ordering: .relaxed)
        self.presence.subscribed()
    }

    func operations(on hub: HubName) -> HubOperations {
        HubOperations(hub: hub, publisher: self.publisher, connections: self.connections, commands: self.commands)
    }

    /// Takes the id of a negotiated connection.
    /// - Returns: why this node must not open it. nil also if Redis does not answer: without it a node knows its own connections only, and
    ///   clients can connect nevertheless.
    func take(_ id: ConnectionID, in hub: HubName) async -> WebSocketHandshake.Refusal? {
        guard let isFree = try? await self.links.store.take(id, in: hub, for: SignalRToken.usedFor), !isFree else { return nil }
        do throws(PresenceError) {
            return try await self.inventory.connection(id, in: hub) == nil ? .unknownConnection : .connectionInUse
        } catch {
            return .connectionInUse
        }
    }

    @Sendable func hasSubscribed() -> Bool { self.isSubscribed.load(ordering: .relaxed) }

    private static func presence(
        _ foundation: NodeFoundation,
        _ store: any PresenceStore,
        _ connections: ConnectionManager,
        _ directory: NodeDirectory,
        _ publisher: Publisher
    ) -> PresenceReporter<ContinuousClock> {
        let (name, loop) = (foundation.name, foundation.linkLoop)
        let (refusal, shutdownRequest) = (foundation.refusal, foundation.shutdownRequest)
        return PresenceReporter(
            record: foundation.record,
            store: store,
            connections: connections,
            directory: directory,
            announcer: Announcer(
                limit: foundation.configuration.announcementsPerSecond,
                publisher: publisher,
                eventLoop: loop
            ),
            metrics: foundation.metrics,
            logger: foundation.logger,
            clock: ContinuousClock(),
            name: name,
            isAlive: { node throws(PresenceError) in try await publisher.isAlive(node) },
            refused: { reason in
                refusal.withLockedValue { $0 = reason }
                shutdownRequest.request(.immediate)
            },
            awaitsSubscription: true,
            pause: { try? await loop.scheduleTask(in: .milliseconds(2)) {}.futureResult.get() }
        )
    }
}

extension NodeServer.ClusterServices {
    /// Uses Redis, or memory if the configuration has no Redis.
    init(_ foundation: NodeFoundation) {
        let (id, loop, logger) = (foundation.id, foundation.linkLoop, foundation.logger)
        let settings = foundation.configuration.broker
        guard let redis = foundation.configuration.redis else {
            let bus = MemoryBus(settings: settings)
            self.init(
                broker: MemoryBroker(bus: bus, node: id, eventLoop: loop),
                store: MemoryPresenceStore(shared: MemoryPresence()),
                sessions: Self.canResume(settings, logger) ? SessionService(bus.sessions) : nil
            )
            return
        }
        let answers = foundation.latencies.redis
        let resolver = MasterResolver(configuration: redis, eventLoop: loop, logger: logger) { answers.record($0) }
        let store = RedisPresenceStore(resolver: resolver, logger: logger)
        let sessions = RedisSessionStore(
            resolver: resolver,
            limits: SessionLimits(settings),
            idleHistoryBytes: settings.idleHistoryBytes,
            logger: logger
        )
        self.init(
            broker: RedisBroker(resolver: resolver, settings: settings, node: id, logger: logger),
            store: store,
            idempotency: RedisIdempotencyStore(sharing: store, maximumBytes: foundation.configuration.idempotencyBytes),
            sessions: Self.canResume(settings, logger) ? SessionService(sessions) : nil,
            storage: { [storage = RedisHubStorage(sharing: store, settings: settings, logger: logger)] in
                await storage.bytes(in: $0)
            }
        )
    }

    /// Whether what is published is kept for as long as a client may be away. Otherwise the log says why not.
    private static func canResume(_ settings: BrokerSettings, _ logger: Logger) -> Bool {
        let reason: String
        if settings.delivery != .logged {
            reason = "delivery is at most once"
        } else if settings.historyAge < ResumableSessions.historyAge {
            reason = "messages are kept for less than two minutes"
        } else {
            return true
        }
        logger.notice("Clients cannot resume their connections: \(reason)")
        return false
    }
}
