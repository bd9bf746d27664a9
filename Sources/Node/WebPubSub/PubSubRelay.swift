import NIOCore
import VolaryBackplane
import VolaryProtocol

/// Carries out the actions of Web PubSub's clients: groups, messages to groups, and events.
///
/// The actions of one client take effect in the order in which they arrive. A join waits for its subscription, and an event for its
/// handler; the actions after it wait with it.
final class PubSubRelay: Application {
    /// How long a join waits for the subscription of its group: 5 s. Then it fails, and the client may repeat it.
    private static let subscriptionTime = TimeAmount.seconds(5)
    /// Delay before a message that found no room, in the outbox or in its hub's quota, counts as finished: 100 ms, as in ``PlainRelay``.
    static let refusalPause = TimeAmount.milliseconds(100)

    let publisher: Publisher
    let listing: ConnectionListing
    /// nil: no handlers are configured, and events fail.
    let handlers: EventHandlers?
    private let reliable: ReliableRelay
    private let metrics: NodeMetrics
    private var interest: TopicInterest<ContinuousClock> { self.listing.interest }

    init(publisher: Publisher, listing: ConnectionListing, handlers: EventHandlers?, metrics: NodeMetrics) {
        self.publisher = publisher
        self.reliable = ReliableRelay(publisher: publisher, handlers: handlers)
        self.listing = listing
        self.handlers = handlers
        self.metrics = metrics
    }

    /// A client that wants to resume a connection, and cannot, is refused in the way after which it opens a new one.
    func connected(_ connection: Connection, _ request: ConnectRequest) {
        if let session = request.session { return self.reliable.connected(connection, request, session) }
        guard !request.resumes else {
            return connection.close(code: .policyViolation, reason: PubSubCloseText.cannotRecover)
        }
        self.listing.begin(connection, request)
        connection.send(.connected(reconnectionToken: nil))
        self.tellConnected(connection, request)
    }

    func acknowledged(_ number: UInt64, by connection: Connection) {
        if case .resumable(let client) = connection.state.listing { self.reliable.acknowledged(number, by: client) }
    }

    func disconnected(_ connection: Connection) {
        if case .resumable(let client) = connection.state.listing { return self.reliable.disconnected(connection, client) }
        connection.state.waiting?.giveUp()
        self.tellDisconnected(connection)
        self.listing.end(connection)
    }

    func received(_ action: ClientAction, from connection: Connection, done: ActionCompletion) {
        if case .resumable(let client) = connection.state.listing {
            return self.reliable.received(action, from: connection, client, done: done)
        }
        switch action.kind {
        case .join(let group): self.join(connection, group, done)
        case .leave(let group): connection.inTurn { self.leave($0, group, done) }
        case .send(let send): connection.inTurn { self.send(send, from: $0, done) }
        case .event(let event): self.pass(event, of: connection, done)
        // Sessions of this application's protocols do not ask for these.
        case .message, .hub: connection.inTurn { _ in done(.failure(.failed)) }
        }
    }

    // MARK: - Groups

    private func join(_ connection: Connection, _ group: AudienceName, _ done: ActionCompletion) {
        // The usual repetition of a client that has connected again.
        let waiting = connection.state.waiting ?? WaitingActions()
        if waiting.isEmpty, connection.shard.groups(of: connection).contains(group) {
            return done(.success(()))
        }
        let (topic, eventLoop, interest) = (Topic.group(connection.hub, group), connection.shard.eventLoop, self.interest)
        let bound = NIOLoopBound(connection, eventLoop: eventLoop)
        connection.state.waiting = waiting
        waiting.append { number in
            let subscription = Task {
                let isLive = await interest.retain([topic])
                eventLoop.execute { Self.settle(bound.value, number, isLive: isLive) }
            }
            return (subscription, eventLoop.scheduleTask(in: Self.subscriptionTime) { subscription.cancel() })
        } _: { isLive in
            let result = isLive ? self.becomeMember(connection, group) : .failure(.unreachable)
            // A member of the topic was added for this join, whatever became of it.
            if result != .success(true) { self.interest.release([topic]) }
            done(result.map { _ in })
        }
    }

    private static func settle(_ connection: Connection, _ number: UInt64, isLive: Bool) {
        guard let waiting = connection.state.waiting else { return }
        waiting.settle(number, isLive: isLive)
        waiting.goOn()
    }

    /// - Returns: whether the connection was no member before.
    private func becomeMember(_ connection: Connection, _ group: AudienceName) -> Result<Bool, ActionFailure> {
        guard connection.isOpen else { return .failure(.unreachable) }
        let groups = connection.shard.groups(of: connection)
        guard !groups.contains(group) else { return .success(false) }
        guard connection.endpoint.groupLimits.hasRoom(for: group, in: groups) else { return .failure(.refused) }
        connection.shard.join(connection, group)
        self.listing.changed(connection)
        return .success(true)
    }

    private func leave(_ connection: Connection, _ group: AudienceName, _ done: ActionCompletion) {
        if connection.isOpen, connection.shard.groups(of: connection).contains(group) {
            connection.shard.leave(connection, group)
            self.listing.changed(connection)
            self.interest.release([.group(connection.hub, group)])
        }
        done(.success(()))
    }

    // MARK: - Messages

    private func send(_ send: GroupSend, from connection: Connection, _ done: ActionCompletion) {
        guard self.publisher.charge(bytes: send.payload.bytes.readableBytes, to: connection.hub) == nil else {
            return done(.failure(.overQuota), pause: Self.refusalPause)
        }
        self.publisher.publish(send, from: connection.id, user: connection.user, in: connection.hub) { result in
            switch result {
            case .success: done(.success(()))
            case .failure(let error):
                self.metrics.publicationRefused()
                done(
                    .failure(ActionFailure(error, isUp: self.publisher.broker.health.isUp)),
                    pause: error == .outboxFull ? Self.refusalPause : .zero
                )
            }
        }
    }
}
