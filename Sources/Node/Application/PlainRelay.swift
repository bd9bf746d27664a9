import NIOCore
import VolaryBackplane
import VolaryProtocol

/// Relays messages of clients to every client of their hub, if the sender is permitted: `/ws`.
final class PlainRelay: Application {
    /// Minimum time between two notices to one client that its messages are refused: 10 s. It limits the replies to a flood of
    /// messages.
    private static let refusalNoticeInterval = TimeAmount.seconds(10)
    /// Delay before a message that found no room, in the outbox or in its hub's quota, counts as finished: 100 ms. With at most 64 unfinished messages,
    /// a client then sends at most 640 undeliverable messages per second.
    private static let refusalPause = TimeAmount.milliseconds(100)

    private let publisher: Publisher
    let listing: ConnectionListing
    private let metrics: NodeMetrics
    private let clientMessages: ClientMessages
    private let nodeName: NodeName

    /// - Parameters:
    ///   - clientMessages: whose messages are relayed.
    ///   - nodeName: the node's name for welcome messages. It may change after the start.
    init(
        publisher: Publisher,
        listing: ConnectionListing,
        metrics: NodeMetrics,
        clientMessages: ClientMessages,
        nodeName: NodeName
    ) {
        self.publisher = publisher
        self.listing = listing
        self.metrics = metrics
        self.clientMessages = clientMessages
        self.nodeName = nodeName
    }

    func connected(_ connection: Connection, _ request: ConnectRequest) {
        if request.wantsWelcome {
            let welcome = WelcomeMessage(
                id: connection.id,
                node: self.nodeName.text,
                user: connection.user,
                groups: request.groups,
                timestamp: self.publisher.now()
            )
            connection.send(.welcome(welcome))
        }
        self.listing.begin(connection, request)
    }

    func disconnected(_ connection: Connection) { self.listing.end(connection) }

    /// Sends an echo to the sender at once, and publishes the message to every client of its hub, including the sender, through the
    /// broker. A client that may not send gets no echo. If the broker refuses the message after the echo, the sender is notified.
    func received(_ action: ClientAction, from connection: Connection, done: ActionCompletion) {
        guard self.canSend(connection) else {
            self.refuse(connection)
            return done(.failure(.forbidden))
        }
        switch action.kind {
        case .message(let message):
            guard self.publisher.charge(bytes: message.byteCount, to: connection.hub) == nil else {
                return done(.failure(.overQuota), pause: Self.refusalPause)
            }
            connection.send(.echo(message, from: connection.id, timestamp: self.publisher.now()))
            self.publisher.publish(message, from: connection.id, in: connection.hub) { result in
                switch result {
                case .success: done(.success(()))
                case .failure(let error): self.failed(error, done)
                }
            }
        // Sessions of this application's protocols do not ask for these.
        case .join, .leave, .send, .event, .hub: done(.failure(.failed))
        }
    }

    /// Reports a message that was not published, so that it is not lost silently.
    private func failed(_ error: BrokerError, _ done: ActionCompletion) {
        self.metrics.publicationRefused()
        done(
            .failure(ActionFailure(error, isUp: self.publisher.broker.health.isUp)),
            pause: error == .outboxFull ? Self.refusalPause : .zero
        )
    }

    private func canSend(_ connection: Connection) -> Bool {
        switch self.clientMessages {
        case .all: true
        case .permitted: connection.canBroadcast
        case .off: false
        }
    }

    /// Counts a refused message. Notifies the client of the first one, and then at most once per ``refusalNoticeInterval``.
    private func refuse(_ connection: Connection) {
        self.metrics.clientMessageRefused()
        let now = connection.shard.eventLoop.now
        guard now >= connection.state.nextRefusalNotice else { return }
        connection.state.nextRefusalNotice = now + Self.refusalNoticeInterval
        let reason =
            self.clientMessages == .off
            ? "this node takes no messages from clients." : "it needs a token with the permission broadcast."
        connection.notify("Your message was not sent: \(reason)")
    }
}
