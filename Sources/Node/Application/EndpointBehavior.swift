import Logging
import NIOCore
import VolaryBackplane
import VolaryProtocol

/// What a node does with the connections of its two endpoints: `/ws`, a member of the cluster, and `/echo`, which talks with itself.
final class EndpointBehavior: WebSocketEvents {
    private let connections: ConnectionManager
    private let publisher: Publisher
    private let presence: PresenceReporter<ContinuousClock>
    private let interest: TopicInterest<ContinuousClock>
    private let metrics: NodeMetrics
    private let activity: ActivityLog
    private let clientMessages: ClientMessages
    private let nodeName: NodeName
    private let precision: Timestamp.Precision
    private let now: @Sendable () -> Int64

    /// Between two notices to one client that its messages are refused: 10 s. A flood is not answered with another.
    private static let refusalNoticeInterval = TimeAmount.seconds(10)
    /// How long a client waits whose message had no room on its way to the other nodes: 100 ms. With at most 64 unfinished messages it then
    /// sends no more than 640 a second that nobody gets.
    private static let refusalPause = TimeAmount.milliseconds(100)
    private static let allocator = ByteBufferAllocator()

    /// - Parameters:
    ///   - clientMessages: whose messages go to everybody.
    ///   - nodeName: for clients that ask where they are. A node may get another name after its start.
    ///   - precision: of the times that clients are told.
    ///   - now: milliseconds since 1970, UTC.
    init(
        connections: ConnectionManager,
        publisher: Publisher,
        presence: PresenceReporter<ContinuousClock>,
        interest: TopicInterest<ContinuousClock>,
        metrics: NodeMetrics,
        activity: ActivityLog,
        clientMessages: ClientMessages,
        nodeName: NodeName,
        precision: Timestamp.Precision,
        now: @escaping @Sendable () -> Int64
    ) {
        self.connections = connections
        self.publisher = publisher
        self.presence = presence
        self.interest = interest
        self.metrics = metrics
        self.activity = activity
        self.clientMessages = clientMessages
        self.nodeName = nodeName
        self.precision = precision
        self.now = now
    }

    // MARK: - What connections ask

    func makeID(on eventLoop: any EventLoop) -> ConnectionID { self.connections.makeID(on: eventLoop) }

    func turns(on eventLoop: any EventLoop) -> TurnQueue { self.connections.turns(on: eventLoop) }

    // MARK: - What connections tell

    func opened(_ connection: Connection, on eventLoop: any EventLoop) {
        self.connections.add(connection, on: eventLoop)
        self.metrics.connectionOpened()
        guard connection.endpoint == .plain else { return }
        // Before anything else can be sent to it: that is done on this event loop, later.
        if connection.wantsWelcome { self.welcome(connection, on: eventLoop) }
        guard let reservation = connection.reservation else { return self.list(connection) }
        connection.reservation = nil
        if reservation.take() {
            self.becomeMember(connection, on: eventLoop)
        } else {
            self.listLate(connection, topics: reservation.topics, on: eventLoop)
        }
    }

    func received(
        _ message: ClientMessage,
        from connection: Connection,
        on eventLoop: any EventLoop,
        done: @escaping @Sendable () -> Void
    ) {
        self.metrics.messageReceived()
        switch connection.endpoint {
        case .plain: self.relay(message, from: connection, on: eventLoop, done: done)
        case .echo: self.echo(message, to: connection, on: eventLoop, done: done)
        }
    }

    func closed(_ connection: Connection, on eventLoop: any EventLoop) {
        self.connections.remove(connection.id, on: eventLoop)
        self.metrics.connectionClosed()
        let ending = connection.ending
        self.activity.connectionClosed(connection.id, code: ending.code, side: ending.side)
        connection.listing?.cancel()
        if connection.isListed { self.presence.closed(connection.id) }
        var topics = connection.groups.map(Topic.group)
        if connection.holdsUserTopic, let user = connection.user { topics.append(.user(user)) }
        self.interest.release(topics)
    }

    func limitExceeded(_ violation: LimitViolation) { self.metrics.limitExceeded(violation) }

    func goneUnread() { self.metrics.clientGoneUnread() }

    /// Told once, and again only after something has passed: a flood is not answered with another.
    func dropped(_ connection: Connection, isFirst: Bool, on eventLoop: any EventLoop) {
        self.metrics.messageDropped()
        guard isFirst, connection.endpoint == .plain else { return }
        self.tell("You send too much at once: messages of yours are dropped.", connection, on: eventLoop)
    }

    private func welcome(_ connection: Connection, on eventLoop: any EventLoop) {
        let welcome = WelcomeMessage(
            id: connection.id,
            node: self.nodeName.text,
            user: connection.user,
            groups: connection.groupsToJoin,
            timestamp: self.now()
        )
        self.connections.send(.text, welcome.encoded(precision: self.precision), to: connection, on: eventLoop)
    }

    // MARK: - Subscriptions and presence

    /// Its topics were not live when its handshake was answered: it is listed once they are. Without subscriptions (it is gone, or the broker
    /// is shut down) it is not.
    private func listLate(_ connection: Connection, topics: [Topic], on eventLoop: any EventLoop) {
        let id = connection.id
        connection.listing = Task {
            let areLive = await self.interest.retain(topics)
            eventLoop.execute {
                let connection = self.connections.get(id, on: eventLoop)
                connection?.listing = nil
                if areLive, let connection, connection.isOpen {
                    self.becomeMember(connection, on: eventLoop)
                } else {
                    // Gone before it counted: nobody else takes it out of the count.
                    self.interest.release(topics)
                }
            }
        }
    }

    /// What is pushed to its user and to its groups arrives here from now on: who finds it in the inventory may push to it.
    private func becomeMember(_ connection: Connection, on eventLoop: any EventLoop) {
        connection.holdsUserTopic = connection.user != nil
        self.joinGroups(connection, on: eventLoop)
        self.list(connection)
    }

    /// Those of its token. A REST caller may have been quicker with one, or have filled its share: what is not joined is counted out.
    private func joinGroups(_ connection: Connection, on eventLoop: any EventLoop) {
        var left: [Topic] = []
        for group in connection.groupsToJoin {
            if !connection.groups.contains(group), PresenceLimits.hasRoom(for: group, in: connection.groups) {
                self.connections.join(connection, group, on: eventLoop)
            } else {
                left.append(.group(group))
            }
        }
        connection.groupsToJoin = []
        self.interest.release(left)
    }

    private func list(_ connection: Connection) {
        connection.isListed = true
        self.presence.opened(connection.record)
    }

    // MARK: - /echo

    private func echo(
        _ message: ClientMessage,
        to connection: Connection,
        on eventLoop: any EventLoop,
        done: @Sendable () -> Void
    ) {
        switch message {
        case .text(let text): self.connections.send(.text, text, to: connection, on: eventLoop)
        case .binary(let bytes): self.connections.send(.binary, bytes, to: connection, on: eventLoop)
        }
        done()
    }

    // MARK: - /ws

    /// Text comes back to its sender as an echo at once, and to everyone, the sender too, as a message through the broker. Binary comes
    /// back through the broker only: one copy each, in the same order for all. What a client may not send has no echo either: the echo says
    /// that the node has the message.
    private func relay(
        _ message: ClientMessage,
        from connection: Connection,
        on eventLoop: any EventLoop,
        done: @escaping @Sendable () -> Void
    ) {
        guard self.canSend(connection) else {
            self.refuse(connection, on: eventLoop)
            return done()
        }
        if case .text(let text) = message {
            let echo = ServerMessage(kind: .echo, from: connection.id, message: text, timestamp: self.now())
            self.send(echo, to: connection, on: eventLoop)
        }
        let id = connection.id
        self.publisher.publish(message, from: id) { result in
            guard case .failure(let error) = result else { return done() }
            self.metrics.publicationRefused()
            eventLoop.execute {
                self.tellFailed(id, error, on: eventLoop)
                // One that is gone has sent all that it will.
                guard error == .outboxFull, self.connections.get(id, on: eventLoop)?.isOpen == true else { return done() }
                eventLoop.scheduleTask(in: Self.refusalPause, done)
            }
        }
    }

    private func canSend(_ connection: Connection) -> Bool {
        switch self.clientMessages {
        case .all: true
        case .permitted: connection.canBroadcast
        case .off: false
        }
    }

    /// Every refused message is counted; its client is told of the first, and then once in a while.
    private func refuse(_ connection: Connection, on eventLoop: any EventLoop) {
        self.metrics.clientMessageRefused()
        let now = eventLoop.now
        guard now >= connection.nextRefusalNotice else { return }
        connection.nextRefusalNotice = now + Self.refusalNoticeInterval
        let reason =
            self.clientMessages == .off
            ? "this node takes no messages from clients." : "it needs a token with the permission broadcast."
        self.tell("Your message was not sent: \(reason)", connection, on: eventLoop)
    }

    /// A message that goes nowhere must not be lost in silence.
    private func tellFailed(_ id: ConnectionID, _ error: BrokerError, on eventLoop: any EventLoop) {
        guard let connection = self.connections.get(id, on: eventLoop) else { return }
        let reason =
            switch error {
            case .tooLarge: "it is too large for the cluster."
            case .refused: "the cluster does not take it, and would not if you sent it again."
            case .idleHistoryFull: "nobody is there to get it, and too much waits for those who are away. Try again later."
            case .outboxFull where self.publisher.broker.health.isUp: "too much waits to be sent. Try again later."
            case .outboxFull, .closed, .cancelled: "the cluster cannot be reached. Try again later."
            }
        self.tell("Your message was not delivered: \(reason)", connection, on: eventLoop)
    }

    private func tell(_ text: String, _ connection: Connection, on eventLoop: any EventLoop) {
        let message = ServerMessage(kind: .system, message: ByteBuffer(string: text), timestamp: self.now())
        self.send(message, to: connection, on: eventLoop)
    }

    private func send(_ message: ServerMessage, to connection: Connection, on eventLoop: any EventLoop) {
        self.connections.send(
            .text,
            message.encoded(allocator: Self.allocator, precision: self.precision),
            to: connection,
            on: eventLoop
        )
    }
}
