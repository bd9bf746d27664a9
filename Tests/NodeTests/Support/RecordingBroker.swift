import NIOConcurrencyHelpers
import NIOCore
import ServiceLifecycle
import VolaryBackplane
import VolaryProtocol

/// Records publications, and completes them with the outcome that the test sets.
final class RecordingBroker: Broker {
    struct Published: Equatable {
        let message: NodeMessage
        let topic: Topic
    }

    private struct State {
        var published: [Published] = []
        var wishes: [String] = []
        var isLinked: Bool
        var health = BrokerHealth(state: .up)
        var waiting: [Int: CheckedContinuation<Bool, Never>] = [:]
        var nextWaiting = 0
    }

    private let state: NIOLockedValueBox<State>
    private let outcome: Result<PublishOutcome, BrokerError>

    /// - Parameter isLinked: while false, subscriptions wait.
    init(outcome: Result<PublishOutcome, BrokerError> = .success(.relayed(receivers: 1)), isLinked: Bool = true) {
        self.outcome = outcome
        self.state = NIOLockedValueBox(State(isLinked: isLinked))
    }

    func link() {
        let waiting = self.state.withLockedValue { state in
            state.isLinked = true
            defer { state.waiting = [:] }
            return state.waiting
        }
        for continuation in waiting.values { continuation.resume(returning: true) }
    }

    /// Simulates that Redis becomes unreachable.
    func fail() { self.state.withLockedValue { $0.health.state = .down(reason: "test") } }

    func recover() { self.state.withLockedValue { $0.health.state = .up } }

    /// Topics subscribed to (`+`) and unsubscribed from (`-`), in order.
    var subscriptions: [String] { self.state.withLockedValue { $0.wishes } }

    var published: [Published] { self.state.withLockedValue { $0.published } }

    /// The texts of the publications, in order.
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
        self.state.withLockedValue { $0.published.append(Published(message: message, topic: topic)) }
        completion?(self.outcome)
    }

    func attach(_ receiver: any BrokerReceiver) {}
    func subscribe(to topic: Topic) async throws(BrokerError) {
        let number = self.state.withLockedValue { state in
            state.wishes.append("+\(topic.label)")
            state.nextWaiting += 1
            return state.nextWaiting
        }
        let isLinked = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let answer: Bool? = self.state.withLockedValue { state in
                    if state.isLinked || Task.isCancelled { return state.isLinked }
                    state.waiting[number] = continuation
                    return nil
                }
                if let answer { continuation.resume(returning: answer) }
            }
        } onCancel: {
            self.state.withLockedValue { $0.waiting.removeValue(forKey: number) }?.resume(returning: false)
        }
        if !isLinked { throw .cancelled }
    }

    func read(_ topics: Set<Topic>, after position: Position?, limit: Int) async throws(HistoryError) -> HistoryPage {
        throw .notLogged
    }

    func unsubscribe(from topic: Topic) async { self.state.withLockedValue { $0.wishes.append("-\(topic.label)") } }
    var health: BrokerHealth { self.state.withLockedValue { $0.health } }
    func run() async throws { try? await gracefulShutdown() }
}

extension Topic {
    fileprivate var label: String {
        switch self {
        case .all(let hub): "all\(Self.suffix(hub))"
        case .node(let id): "node:\(id)"
        case .group(let hub, let name): "group:\(name)\(Self.suffix(hub))"
        case .user(let hub, let name): "user:\(name)\(Self.suffix(hub))"
        case .connection(let hub, let id): "connection:\(id)\(Self.suffix(hub))"
        }
    }

    private static func suffix(_ hub: HubName) -> String { hub.isDefault ? "" : " in \(hub)" }
}
