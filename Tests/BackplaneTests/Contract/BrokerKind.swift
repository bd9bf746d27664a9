import Logging
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import TestSupport
import VolaryBackplane
import VolaryProtocol

/// The implementations that the contract is tested on.
enum BrokerKind: String, CaseIterable, Sendable {
    case memory, redis
    case redisAtMostOnce = "redis, at most once"

    /// Runs `body` with brokers of one cluster, each with its receiver, all running.
    /// - Parameters:
    ///   - settings: but for the delivery.
    ///   - group: whose event loops they take by turns.
    func withCluster(
        of count: Int,
        settings: BrokerSettings = BrokerSettings(),
        on group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton,
        _ body: ([BrokerEndpoint]) async throws -> Void
    ) async throws {
        switch self {
        case .memory:
            let bus = MemoryBus(settings: settings)
            try await Self.run((0..<count).map { _ in .memory(bus, on: group.next()) }, body)
        case .redis, .redisAtMostOnce:
            let server = try RedisServer.start()
            defer { server.stop() }
            let configuration = try RedisConfiguration(url: server.url)
            var settings = settings
            settings.delivery = self == .redis ? .logged : .atMostOnce
            try await Self.run((0..<count).map { _ in .redis(configuration, settings: settings, on: group.next()) }, body)
        }
    }

    /// Runs the endpoints' brokers while `body` runs.
    static func run(_ endpoints: [BrokerEndpoint], _ body: ([BrokerEndpoint]) async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for endpoint in endpoints {
                endpoint.broker.attach(endpoint.receiver)
                group.addTask { try await endpoint.broker.run() }
            }
            defer { group.cancelAll() }
            try await body(endpoints)
        }
    }
}

extension PublishOutcome {
    var withoutPosition: PublishOutcome {
        if case .relayed(let receivers, _) = self { .relayed(receivers: receivers) } else { self }
    }
}

/// One node's broker in a test.
struct BrokerEndpoint: Sendable {
    let node: NodeID
    let broker: any Broker
    let eventLoop: any EventLoop
    let receiver = RecordingReceiver()

    static func memory(_ bus: MemoryBus, on eventLoop: any EventLoop) -> BrokerEndpoint {
        let node = NodeID.random()
        let broker = MemoryBroker(bus: bus, node: node, eventLoop: eventLoop)
        return BrokerEndpoint(node: node, broker: broker, eventLoop: eventLoop)
    }

    static func redis(
        _ configuration: RedisConfiguration,
        settings: BrokerSettings = .init(),
        on eventLoop: any EventLoop = MultiThreadedEventLoopGroup.singleton.any(),
        logger: Logger = .quiet
    ) -> BrokerEndpoint {
        let node = NodeID.random()
        let broker = RedisBroker(
            configuration: configuration,
            settings: settings,
            node: node,
            eventLoop: eventLoop,
            logger: logger
        )
        return BrokerEndpoint(node: node, broker: broker, eventLoop: eventLoop)
    }

    /// Publishes and waits for the outcome.
    /// - Returns: the outcome without the position, which no test can know.
    func publish(_ text: String, to topic: Topic = .all) async -> Result<PublishOutcome, BrokerError> {
        await self.publishWithPosition(text, to: topic).map(\.withoutPosition)
    }

    func publishWithPosition(_ text: String, to topic: Topic = .all) async -> Result<PublishOutcome, BrokerError> {
        await withCheckedContinuation { continuation in
            self.broker.publish(.text(text, from: self.node), to: topic) { continuation.resume(returning: $0) }
        }
    }

    /// Publishes and waits for the position; nil when there is none.
    func position(of text: String, to topic: Topic = .all) async -> Position? {
        if case .success(.relayed(_, let position)) = await self.publishWithPosition(text, to: topic) { position } else { nil }
    }

    /// Publishes and does not wait.
    func post(_ text: String, to topic: Topic = .all) {
        self.broker.publish(.text(text, from: self.node), to: topic, completion: nil)
    }
}
