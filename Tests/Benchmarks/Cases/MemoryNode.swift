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
    /// One for all: connections share what is encoded for their endpoint's protocol.
    private static let endpoint = Endpoint.plain(Silence(), precision: .seconds)
    private static let logger = Logger(label: "benchmark") { _ in SwiftLogNoOpLogHandler() }

    init(connections count: Int) {
        let node = Samples.node
        let loop = self.loop
        let connections = ConnectionManager(node: node, eventLoops: [loop], pingInterval: .seconds(30))
        let host = Self.host(connections)
        self.channels = (0..<count).map { _ in
            EmbeddedChannel(handlers: [DiscardingHandler(), Self.transport(host)], loop: loop)
        }
        self.delivery = Self.delivery(connections, loop)
    }

    deinit { for channel in self.channels { _ = try? channel.finish(acceptAlreadyClosed: true) } }

    func deliver(_ envelopes: [Envelope]) {
        self.delivery.receive(envelopes)
        self.loop.run()
        // A long fan-out takes turns.
        self.loop.advanceTime(by: .milliseconds(10))
    }

    /// What the transports of one node share.
    static func host(_ connections: ConnectionManager) -> ConnectionHost {
        let metrics = NodeMetrics()
        return ConnectionHost(
            connections: connections,
            settings: ConnectionSettings(maximumUnsentBytes: 1 << 20, pingInterval: .seconds(30), now: { 0 }),
            observer: NodeObserver(metrics: metrics, activity: ActivityLog(metrics: metrics, logger: self.logger))
        )
    }

    /// A transport of `/ws` that has no channel yet.
    static func transport(_ host: ConnectionHost) -> WebSocketTransport {
        let client = WebSocketHandshake.Client(endpoint: self.endpoint, hub: .default, spoken: self.endpoint.standard)
        return self.transport(host, WebSocketAdmission.AdmittedClient(client: client))
    }

    static func transport(_ host: ConnectionHost, _ admitted: WebSocketAdmission.AdmittedClient) -> WebSocketTransport {
        WebSocketTransport(
            settings: WebSocketSettings(messageLimits: MessageLimits(), closeTimeout: .seconds(5), now: { 0 }),
            admitted: admitted,
            host: host
        )
    }

    private static func delivery(_ connections: ConnectionManager, _ loop: EmbeddedEventLoop) -> Delivery {
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
            logger: Self.logger,
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
            tracing: TraceCollector(
                traces: MessageTraces(maximumBytes: 8 * 1024 * 1024, now: { 1_781_330_402_000 }),
                directory: directory,
                broker: broker,
                eventLoop: loop
            ),
            logger: Self.logger,
            now: { 1_781_330_402_000 }
        )
    }
}

/// Ignores messages.
private final class Silence: Application {
    func connected(_ connection: Connection, _ request: ConnectRequest) {}
    func received(_ action: ClientAction, from connection: Connection, done: ActionCompletion) { done(.success(())) }
    func disconnected(_ connection: Connection) {}
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
    func read(_ topics: Set<Topic>, after position: Position?, limit: Int) async throws(HistoryError) -> HistoryPage {
        throw .notLogged
    }

    func unsubscribe(from topic: Topic) async {}
    var health: BrokerHealth { BrokerHealth(state: .up) }
    func run() async throws { try? await gracefulShutdown() }
}
