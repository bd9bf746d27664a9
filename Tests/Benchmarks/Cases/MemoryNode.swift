import Logging
import NIOCore
import NIOEmbedded
import ServiceLifecycle
import VolaryBackplane
import VolaryProtocol

@testable import VolaryNode

/// The parts of a node from broker to connections, on one embedded event loop. Bytes for a socket are dropped.
final class MemoryNode {
    private let loop = EmbeddedEventLoop()
    private let channels: [EmbeddedChannel]
    private let delivery: Delivery

    init(connections count: Int) {
        let node = Samples.node
        let loop = self.loop
        let connections = ConnectionManager(node: node, eventLoops: [loop], pingInterval: .seconds(30))
        self.channels = (0..<count).map { _ in Self.channel(loop, connections) }
        self.delivery = Self.delivery(connections, loop)
    }

    deinit { for channel in self.channels { _ = try? channel.finish(acceptAlreadyClosed: true) } }

    func deliver(_ envelopes: [Envelope]) {
        self.delivery.receive(envelopes)
        self.loop.run()
    }

    private static func channel(_ loop: EmbeddedEventLoop, _ connections: ConnectionManager) -> EmbeddedChannel {
        let settings = WebSocketSettings(
            messageLimits: MessageLimits(),
            maximumUnsentBytes: 1 << 20,
            pingInterval: .seconds(30),
            closeTimeout: .seconds(5),
            now: { 0 }
        )
        let handler = WebSocketHandler(
            settings: settings,
            guest: WebSocketAdmission.AdmittedClient(client: WebSocketHandshake.Client(endpoint: .plain, user: nil)),
            events: Members(connections)
        )
        return EmbeddedChannel(handlers: [DiscardingHandler(), handler], loop: loop)
    }

    private static func delivery(_ connections: ConnectionManager, _ loop: EmbeddedEventLoop) -> Delivery {
        let logger = Logger(label: "benchmark") { _ in SwiftLogNoOpLogHandler() }
        let directory = NodeDirectory(
            own: NodeRecord(id: connections.node, name: "own", version: "1", startedAt: 0, leaseMilliseconds: 5000)
        )
        let broker = IdleBroker()
        let receipts = ReceiptCollector(eventLoop: loop, directory: directory)
        let publisher = Publisher(node: connections.node, broker: broker, receipts: receipts, now: { 0 })
        let presence = PresenceReporter(
            record: directory.own.record,
            store: MemoryPresenceStore(shared: MemoryPresence()),
            connections: connections,
            directory: directory,
            announcer: Announcer(limit: nil, publisher: publisher, eventLoop: loop),
            metrics: NodeMetrics(),
            logger: logger,
            clock: ContinuousClock(),
            name: NodeName("own", isGiven: true),
            isAlive: { _ in false }
        )
        let interest = TopicInterest(broker: broker, clock: ContinuousClock())
        return Delivery(
            connections: connections,
            receipts: receipts,
            requests: ConnectionCommands(connections: connections, interest: interest, presence: presence),
            shutdownRequest: ShutdownRequest(),
            broker: broker,
            metrics: NodeMetrics(),
            logger: logger,
            now: { 1_781_330_402_000 }
        )
    }
}

/// Adds each connection, and ignores all other events.
private final class Members: WebSocketEvents {
    private let connections: ConnectionManager

    init(_ connections: ConnectionManager) { self.connections = connections }

    func opened(_ connection: Connection, on eventLoop: any EventLoop) { self.connections.add(connection, on: eventLoop) }

    func received(
        _ message: ClientMessage,
        from connection: Connection,
        on eventLoop: any EventLoop,
        done: @escaping @Sendable () -> Void
    ) { done() }

    func makeID(on eventLoop: any EventLoop) -> ConnectionID { self.connections.makeID(on: eventLoop) }
    func turns(on eventLoop: any EventLoop) -> TurnQueue { self.connections.turns(on: eventLoop) }
    func closed(_ connection: Connection, on eventLoop: any EventLoop) {}
    func limitExceeded(_ violation: LimitViolation) {}
    func goneUnread() {}
    func dropped(_ connection: Connection, isFirst: Bool, on eventLoop: any EventLoop) {}
}

/// Takes the place of the socket, and drops all bytes.
private final class DiscardingHandler: ChannelOutboundHandler {
    typealias OutboundIn = ByteBuffer

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) { promise?.succeed() }
    func flush(context: ChannelHandlerContext) {}
}

@available(*, unavailable)
extension DiscardingHandler: Sendable {}

/// No measured case publishes.
private final class IdleBroker: Broker {
    func publish(
        _ message: NodeMessage,
        to topic: Topic,
        completion: (@Sendable (Result<PublishOutcome, BrokerError>) -> Void)?
    ) { completion?(.success(.relayed(receivers: 1))) }

    func attach(_ receiver: any BrokerReceiver) {}
    func subscribe(to topic: Topic) async throws(BrokerError) {}
    func unsubscribe(from topic: Topic) async {}
    var health: BrokerHealth { BrokerHealth(state: .up) }
    func run() async throws { try? await gracefulShutdown() }
}
