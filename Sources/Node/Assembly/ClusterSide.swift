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
    let publisher: Publisher
    let presence: PresenceReporter<ContinuousClock>
    let interest: TopicInterest<ContinuousClock>

    /// - Parameter sockets: counts all sockets of the node.
    init(
        _ foundation: NodeFoundation,
        links: NodeServer.ClusterServices,
        eventLoops: [any EventLoop],
        sockets: Admission
    ) {
        let (logger, loop) = (foundation.logger, foundation.linkLoop)
        self.links = links
        let connections = ConnectionManager(
            node: foundation.id,
            eventLoops: eventLoops,
            pingInterval: foundation.configuration.connectionSettings(now: foundation.now).timeouts.shortest,
            sockets: sockets
        )
        self.connections = connections
        let directory = NodeDirectory(own: foundation.record)
        self.directory = directory
        let inventory = Inventory(
            store: links.store,
            connections: connections,
            directory: directory,
            logger: logger,
            life: foundation.life
        )
        self.inventory = inventory
        self.receipts = ReceiptCollector(eventLoop: loop, directory: directory) { await inventory.refreshDirectory() }
        self.publisher = Publisher(node: foundation.id, broker: links.broker, receipts: self.receipts, now: foundation.now)
        self.presence = Self.presence(foundation, links.store, connections, directory, self.publisher)
        self.interest = TopicInterest(broker: links.broker, clock: ContinuousClock())
        self.attachDelivery(foundation)
    }

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

    private func attachDelivery(_ foundation: NodeFoundation) {
        self.links.broker.attach(
            Delivery(
                connections: self.connections,
                receipts: self.receipts,
                requests: ConnectionCommands(connections: self.connections, interest: self.interest, presence: self.presence),
                shutdownRequest: foundation.shutdownRequest,
                broker: self.links.broker,
                metrics: foundation.metrics,
                logger: foundation.logger,
                now: foundation.now
            )
        )
    }
}

extension NodeServer.ClusterServices {
    /// Uses Redis, or memory if the configuration has no Redis.
    init(_ foundation: NodeFoundation) {
        let (id, loop, logger) = (foundation.id, foundation.linkLoop, foundation.logger)
        guard let redis = foundation.configuration.redis else {
            self.init(
                broker: MemoryBroker(bus: MemoryBus(), node: id, eventLoop: loop),
                store: MemoryPresenceStore(shared: MemoryPresence())
            )
            return
        }
        let resolver = MasterResolver(configuration: redis, eventLoop: loop, logger: logger)
        let store = RedisPresenceStore(resolver: resolver, logger: logger)
        self.init(
            broker: RedisBroker(resolver: resolver, settings: foundation.configuration.broker, node: id, logger: logger),
            store: store,
            idempotency: RedisIdempotencyStore(sharing: store, maximumBytes: foundation.configuration.idempotencyBytes)
        )
    }
}
