import NIOCore
import NIOHTTP1
import VolaryBackplane
import VolaryProtocol

/// The steps between a valid handshake and its answer: authenticates the client, and reserves the topics of its hub,
/// user and groups.
struct WebSocketAdmission: Sendable {
    /// A client that has been admitted. A class, because it is only kept until the connection is open.
    final class AdmittedClient: Sendable {
        /// The handshake, with the data of the client's token.
        let client: WebSocketHandshake.Client
        /// nil for a client of the default hub without a user and groups.
        let reservation: TopicReservation?
        /// Of a client with a resumable connection.
        let session: SessionTicket?
        /// Of a reader of an event stream.
        let start: EventStreamStart?

        init(
            client: WebSocketHandshake.Client,
            reservation: TopicReservation? = nil,
            session: SessionTicket? = nil,
            start: EventStreamStart? = nil
        ) {
            self.client = client
            self.reservation = reservation
            self.session = session
            self.start = start
        }
    }

    let access: WebSocketAuthenticator
    let pubSub: PubSubAuthenticator
    /// nil: hubs may have any number of connections.
    var quotas: HubQuotas?
    /// nil: no connection can be resumed.
    var sessions: ResumableSessions?
    /// Milliseconds since 1970, UTC.
    var now: @Sendable () -> Int64 = UTCClock.now
    /// Whether this node holds a connection.
    var isHeld: @Sendable (ConnectionID) -> Bool = { _ in false }
    /// Takes the id of a connection for this node; why it must not open it, if another node may have done so.
    var take: @Sendable (ConnectionID, HubName) async -> WebSocketHandshake.Refusal? = { _, _ in nil }
    /// Whether the node has subscribed to its own topics since its start. A client that is admitted before would miss messages, and
    /// nobody would know.
    var isSubscribed: @Sendable () -> Bool = { true }
    /// The position of a hub; nil if it cannot be told.
    var position: @Sendable (HubName) async -> Position? = { _ in nil }
    /// As ``TopicInterest/reserve(_:)``.
    let reserve: @Sendable ([Topic]) async -> TopicReservation

    /// Maximum delay of a handshake by Redis: 250 ms, the time of many round trips. Without Redis clients can connect
    /// nevertheless.
    private static let admissionTime = TimeAmount.milliseconds(250)
    /// The same for clients that are refused without their subscriptions: 2 s.
    private static let subscriptionTime = TimeAmount.seconds(2)

    /// When ``admit(_:_:on:)`` must be canceled; nil if it ends by itself, because a handler is asked.
    func maximumTime(for client: WebSocketHandshake.Client) -> TimeAmount? {
        switch client.endpoint.access {
        case .tokenKeys: Self.admissionTime
        case .accessKeys: self.pubSub.asksHandler(client) ? nil : Self.subscriptionTime
        case .readers: self.pubSub.asksHandler(client) ? nil : Self.admissionTime
        }
    }

    /// Whether ``admit(_:_:on:)`` may have to wait. If false, every client is admitted at once.
    func needsTime(for client: WebSocketHandshake.Client) -> Bool {
        switch client.endpoint.access {
        case .tokenKeys:
            self.access.needsTime || client.endpoint.requiresUser || client.mayHaveNegotiated || !client.topics.isEmpty
                || client.endpoint.joinsCluster && !self.isSubscribed()
        case .accessKeys, .readers: true
        }
    }

    /// Waits for the subscription at the node's start, at most ``admissionTime``.
    private func awaitSubscription(of client: WebSocketHandshake.Client) async {
        guard client.endpoint.joinsCluster else { return }
        let end = NIODeadline.now() + Self.admissionTime
        while !self.isSubscribed(), NIODeadline.now() < end, !Task.isCancelled { try? await Task.sleep(for: .milliseconds(5)) }
    }

    /// The last check of a client. Call on the event loop that then opens the connection.
    func checkHub(_ client: WebSocketHandshake.Client) throws(WebSocketHandshake.Refusal) {
        guard let quotas, client.endpoint.joinsCluster else { return }
        guard quotas.hasRoom(in: client.hub) else { throw .hubFull }
    }

    /// See ``WebSocketAuthenticator/checkOrigin(_:)``. Pages of any origin may open connections whose token is in the URL, unless the
    /// operator has named origins.
    func checkOrigin(
        _ request: HTTPRequestHead,
        _ client: WebSocketHandshake.Client
    ) throws(WebSocketHandshake.Refusal) {
        switch client.endpoint.access {
        case .accessKeys where self.access.origins == nil: break
        case .tokenKeys, .accessKeys: try self.access.checkOrigin(request)
        // Depends on the token.
        case .readers: break
        }
    }

    /// - Parameter eventLoop: of the client.
    /// - Returns: the admitted client. After a cancellation its reservation holds no topics.
    func admit(
        _ request: HTTPRequestHead,
        _ client: WebSocketHandshake.Client,
        on eventLoop: any EventLoop
    ) async throws(WebSocketHandshake.Refusal) -> AdmittedClient {
        let asksHandler = client.endpoint.access == .accessKeys && self.pubSub.asksHandler(client)
        var client = try await self.authenticated(request, client, on: eventLoop)
        if client.endpoint.requiresUser, client.user == nil { throw .unauthorized(.missing) }
        await self.awaitSubscription(of: client)
        try await self.identify(&client, by: request)
        if let sessions = self.sessions, client.resumes || client.spoken === sessions.spoken {
            return try await sessions.admit(client, announcesEnd: self.pubSub.announcesEnd(in: client.hub), on: eventLoop)
        }
        let topics = client.topics
        if client.endpoint.access == .readers { return await self.reader(client, topics, on: eventLoop) }
        guard !topics.isEmpty else { return AdmittedClient(client: client) }
        let reservation = asksHandler ? await self.reserveInTime(topics, on: eventLoop) : await self.reserve(topics)
        // Its libraries try again, and would not notice what a connection without subscriptions misses.
        guard reservation.isConfirmed || client.endpoint.access != .accessKeys else { throw .notSubscribed }
        return AdmittedClient(client: client, reservation: reservation)
    }

    private func reader(
        _ client: WebSocketHandshake.Client,
        _ topics: [Topic],
        on eventLoop: any EventLoop
    ) async -> AdmittedClient {
        // First: what is published from now on is behind this position, whether it comes before the subscriptions or after them.
        let position = await self.position(client.hub)
        let reservation = topics.isEmpty ? nil : await self.reserveInTime(topics, on: eventLoop)
        let start = EventStreamStart(position: position, isSubscribed: self.isSubscribed() && reservation?.isConfirmed != false)
        return AdmittedClient(client: client, reservation: reservation, start: start)
    }

    private func authenticated(
        _ request: HTTPRequestHead,
        _ client: WebSocketHandshake.Client,
        on eventLoop: any EventLoop
    ) async throws(WebSocketHandshake.Refusal) -> WebSocketHandshake.Client {
        switch client.endpoint.access {
        case .tokenKeys: try await self.access.admit(request, client)
        case .accessKeys: try await self.pubSub.admit(request, client, on: eventLoop)
        case .readers:
            try await EventStreamAuthenticator(access: self.access, pubSub: self.pubSub)
                .admit(request, client, on: eventLoop)
        }
    }

    private func reserveInTime(_ topics: [Topic], on eventLoop: any EventLoop) async -> TopicReservation {
        let work = Task { await self.reserve(topics) }
        let limit = eventLoop.scheduleTask(in: Self.subscriptionTime) { work.cancel() }
        defer { limit.cancel() }
        return await withTaskCancellationHandler {
            await work.value
        } onCancel: {
            work.cancel()
        }
    }
}

extension WebSocketHandshake.Client {
    /// The topics whose publications the client receives, besides the one to which the node is always subscribed.
    fileprivate var topics: [Topic] {
        guard self.endpoint.joinsCluster, !self.resumes else { return [] }
        return Topic.joined(in: self.hub, by: self.user, as: self.id) + self.groups.map { .group(self.hub, $0) }
    }
}
