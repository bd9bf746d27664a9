import Backplane
import Logging
import NIOConcurrencyHelpers
import NIOPosix
import Protocol
import TestSupport

/// The implementations that the contract is tested on.
enum BrokerKind: String, CaseIterable, Sendable {
    case memory, redis
    case redisAtMostOnce = "redis, at most once"

    /// Runs `body` with brokers of one cluster, each with its receiver, all running.
    func withCluster(of count: Int, _ body: ([BrokerEndpoint]) async throws -> Void) async throws {
        switch self {
        case .memory:
            let bus = MemoryBus()
            try await Self.run((0..<count).map { _ in .memory(bus) }, body)
        case .redis, .redisAtMostOnce:
            let server = try RedisServer.start()
            defer { server.stop() }
            let configuration = try RedisConfiguration(url: server.url)
            let settings = RelaySettings(delivery: self == .redis ? .logged : .atMostOnce)
            try await Self.run((0..<count).map { _ in .redis(configuration, settings: settings) }, body)
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

/// One node's broker in a test.
struct BrokerEndpoint: Sendable {
    let node: NodeID
    let broker: any Broker
    let receiver = RecordingReceiver()

    static func memory(_ bus: MemoryBus) -> BrokerEndpoint {
        let node = NodeID.random()
        let eventLoop = MultiThreadedEventLoopGroup.singleton.any()
        return BrokerEndpoint(node: node, broker: MemoryBroker(bus: bus, node: node, eventLoop: eventLoop))
    }

    static func redis(_ configuration: RedisConfiguration, settings: RelaySettings = .init()) -> BrokerEndpoint {
        let node = NodeID.random()
        let broker = RedisBroker(
            configuration: configuration,
            settings: settings,
            node: node,
            eventLoop: MultiThreadedEventLoopGroup.singleton.any(),
            logger: .quiet
        )
        return BrokerEndpoint(node: node, broker: broker)
    }

    /// Publishes and waits for the outcome.
    func publish(_ text: String, to topic: Topic = .all) async -> Result<PublishOutcome, BrokerError> {
        await withCheckedContinuation { continuation in
            self.broker.publish(.text(text, from: self.node), to: topic) { continuation.resume(returning: $0) }
        }
    }

    /// Publishes and does not wait.
    func post(_ text: String, to topic: Topic = .all) {
        self.broker.publish(.text(text, from: self.node), to: topic, completion: nil)
    }
}

extension Logger {
    static var quiet: Logger { Logger(label: "test") { _ in SwiftLogNoOpLogHandler() } }
}
