import NIOConcurrencyHelpers
public import NIOCore
import ServiceLifecycle
public import VolaryProtocol

/// A ``Broker`` for the nodes that share a ``MemoryBus``. Its link is never down.
public final class MemoryBroker: Broker {
    /// Bytes that may wait for this node's receiver: 64 MiB. Beyond that, publishers get ``BrokerError/outboxFull``.
    public static let inboxBytes = 64 * 1024 * 1024
    /// The assumed memory of an envelope besides its payload.
    private static let overheadBytes = 256

    private struct State {
        var receiver: (any BrokerReceiver)?
        var inbox: [Envelope] = []
        var inboxBytes = 0
        var sequence: UInt64 = 0
        var health = BrokerHealth(state: .up, since: UTCClock.now())
        var isClosed: Bool { !self.health.isUp }
    }

    let node: NodeID
    private let bus: MemoryBus
    private let eventLoop: any EventLoop
    private let state = NIOLockedValueBox(State())

    /// - Parameter eventLoop: the event loop on which the receiver and the completions are called.
    public init(bus: MemoryBus, node: NodeID, eventLoop: any EventLoop) {
        self.bus = bus
        self.node = node
        self.eventLoop = eventLoop
        bus.join(self)
    }

    public var health: BrokerHealth { self.state.withLockedValue { $0.health } }

    public func attach(_ receiver: any BrokerReceiver) {
        self.state.withLockedValue { $0.receiver = receiver }
    }

    public func subscribe(to topic: Topic) async throws(BrokerError) {
        guard !self.state.withLockedValue({ $0.isClosed }) else { throw .closed }
        self.bus.subscribe(self.node, to: topic)
    }

    public func unsubscribe(from topic: Topic) async {
        self.bus.unsubscribe(self.node, from: topic)
    }

    public func publish(
        _ message: NodeMessage,
        to topic: Topic,
        completion: (@Sendable (Result<PublishOutcome, BrokerError>) -> Void)?
    ) {
        let result = self.publish(message, to: topic)
        if let completion {
            self.eventLoop.execute { completion(result) }
        }
    }

    private func publish(_ message: NodeMessage, to topic: Topic) -> Result<PublishOutcome, BrokerError> {
        guard !self.state.withLockedValue({ $0.isClosed }) else { return .failure(.closed) }
        let payloadBytes = message.payloadBytes
        guard payloadBytes <= Limits.maximumPayloadBytes else { return .failure(.tooLarge) }
        let published = self.bus.publish(message, to: topic, from: self, bytes: payloadBytes + Self.overheadBytes)
        guard let published else { return .failure(.outboxFull) }
        return .success(.relayed(receivers: published.receivers, at: published.position))
    }

    public func read(
        _ topics: Set<Topic>,
        after position: Position?,
        limit: Int
    ) async throws(HistoryError) -> HistoryPage {
        let hub = HistoryPage.hub(of: topics, limit: limit)
        guard !self.state.withLockedValue({ $0.isClosed }) else { throw .unavailable(reason: "shut down") }
        guard let page = self.bus.read(topics, of: hub, after: position, limit: limit) else { throw .notLogged }
        return page
    }

    /// Waits for graceful shutdown, then leaves the bus.
    public func run() async throws {
        try? await gracefulShutdown()
        self.bus.leave(self.node)
        self.state.withLockedValue { $0.health = BrokerHealth(state: .down(reason: "shut down"), since: UTCClock.now()) }
    }

    // MARK: - Called by the bus

    /// Bytes that a message takes in an inbox.
    static func bytes(of message: NodeMessage) -> Int { message.payloadBytes + Self.overheadBytes }

    /// Called under the lock of the bus, so that the sequence numbers follow the order of each topic.
    func makeEnvelope(_ message: NodeMessage) -> Envelope {
        let sequence = self.state.withLockedValue { state in
            state.sequence += 1
            return state.sequence
        }
        return Envelope(origin: self.node, sequence: sequence, message: message)
    }

    func inboxHasRoom(for bytes: Int) -> Bool {
        self.state.withLockedValue { $0.inboxBytes + bytes <= Self.inboxBytes }
    }

    /// - Returns: whether the broker must be woken, because the inbox was empty.
    func enqueue(_ envelope: Envelope, bytes: Int) -> Bool {
        self.state.withLockedValue { state in
            state.inbox.append(envelope)
            state.inboxBytes += bytes
            return state.inbox.count == 1
        }
    }

    /// Delivers all envelopes that wait at this time, on the event loop.
    func wake() {
        self.eventLoop.execute {
            let (receiver, envelopes) = self.state.withLockedValue { state in
                defer {
                    state.inbox = []
                    state.inboxBytes = 0
                }
                // After shutdown there is no receiver.
                return (state.isClosed ? nil : state.receiver, state.inbox)
            }
            receiver?.receive(envelopes)
        }
    }
}
