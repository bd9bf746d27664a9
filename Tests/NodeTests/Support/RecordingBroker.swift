import Backplane
import Logging
import NIOConcurrencyHelpers
import NIOCore
import Protocol
import ServiceLifecycle

/// Keeps what is published, and says of it what the test wants.
final class RecordingBroker: Broker {
    struct Published: Equatable {
        let message: NodeMessage
        let topic: Topic
    }

    private let box = NIOLockedValueBox<[Published]>([])
    private let wishes = NIOLockedValueBox<[String]>([])
    private let outcome: Result<PublishOutcome, BrokerError>
    private let isLinked: NIOLockedValueBox<Bool>

    /// - Parameter isLinked: while it is not, who subscribes waits.
    init(outcome: Result<PublishOutcome, BrokerError> = .success(.relayed(receivers: 1)), isLinked: Bool = true) {
        self.outcome = outcome
        self.isLinked = NIOLockedValueBox(isLinked)
    }

    func link() { self.isLinked.withLockedValue { $0 = true } }

    /// Topics subscribed to (`+`) and unsubscribed from (`-`), in their order.
    var subscriptions: [String] { self.wishes.withLockedValue { $0 } }

    var published: [Published] { self.box.withLockedValue { $0 } }

    /// The texts of publications, in their order.
    var texts: [String] {
        self.published.compactMap { published in
            guard case .publication(let publication) = published.message else { return nil }
            return String(buffer: publication.payload)
        }
    }

    func publish(
        _ message: NodeMessage,
        to topic: Topic,
        completion: (@Sendable (Result<PublishOutcome, BrokerError>) -> Void)?
    ) {
        self.box.withLockedValue { $0.append(Published(message: message, topic: topic)) }
        completion?(self.outcome)
    }

    func attach(_ receiver: any BrokerReceiver) {}
    func subscribe(to topic: Topic) async throws(BrokerError) {
        self.wishes.withLockedValue { $0.append("+\(topic.label)") }
        while !self.isLinked.withLockedValue({ $0 }) {
            do {
                try await Task.sleep(for: .milliseconds(1))
            } catch {
                throw .cancelled
            }
        }
    }

    func unsubscribe(from topic: Topic) async { self.wishes.withLockedValue { $0.append("-\(topic.label)") } }
    var health: RelayHealth { RelayHealth(state: .up) }
    func run() async throws { try? await gracefulShutdown() }
}

extension Topic {
    fileprivate var label: String {
        switch self {
        case .all: "all"
        case .node(let id): "node:\(id)"
        case .group(let name): "group:\(name)"
        case .user(let name): "user:\(name)"
        }
    }
}

extension Logger {
    static var quiet: Logger { Logger(label: "test") { _ in SwiftLogNoOpLogHandler() } }
}
