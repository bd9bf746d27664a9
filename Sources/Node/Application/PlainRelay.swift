import NIOCore
import VolaryBackplane
import VolaryProtocol

/// Sends what a client says to every client of the cluster, if it may: `/ws`.
final class PlainRelay: Application {
    /// Between two notices to one client that its messages are refused: 10 s. A flood is not answered with another.
    private static let refusalNoticeInterval = TimeAmount.seconds(10)
    /// How long a client waits whose message had no room on its way to the other nodes: 100 ms. With at most 64 unfinished
    /// messages it then sends no more than 640 a second that nobody gets.
    private static let refusalPause = TimeAmount.milliseconds(100)

    private let publisher: Publisher
    private let listing: ConnectionListing
    private let metrics: NodeMetrics
    private let clientMessages: ClientMessages
    private let nodeName: NodeName

    /// - Parameters:
    ///   - clientMessages: whose messages go to everybody.
    ///   - nodeName: for clients that ask where they are. A node may get another name after its start.
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

    /// A message comes back to its sender as an echo at once, and to everyone, the sender too, as a publication through the
    /// broker. What a client may not send has no echo either: the echo says that the node has the message.
    func received(_ action: ClientAction, from connection: Connection, done: ActionCompletion) {
        guard self.canSend(connection) else {
            self.refuse(connection)
            return done(.failure(.forbidden))
        }
        switch action.kind {
        case .message(let message):
            connection.send(.echo(message, from: connection.id, timestamp: self.publisher.now()))
            self.publisher.publish(message, from: connection.id) { result in
                switch result {
                case .success: done(.success(()))
                case .failure(let error): self.failed(error, done)
                }
            }
        }
    }

    /// A message that goes nowhere must not be lost in silence.
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

    /// Every refused message is counted; its client is told of the first, and then once in a while.
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

extension ActionFailure {
    /// - Parameter isUp: whether the broker reaches the cluster.
    fileprivate init(_ error: BrokerError, isUp: Bool) {
        switch error {
        case .tooLarge: self = .tooLarge
        case .refused: self = .refused
        case .idleHistoryFull: self = .historyFull
        case .outboxFull where isUp: self = .busy
        case .outboxFull, .closed, .cancelled: self = .unreachable
        }
    }
}
