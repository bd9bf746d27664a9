import HTTPTypes
import NIOCore
import VolaryBackplane
import VolaryProtocol

/// `…/:send`: messages to all connections of a hub, to a group, a user, or one connection.
///
/// A message is accepted once the cluster has it, also when nobody is there to get it.
struct PubSubSendRoutes: Sendable {
    /// Seconds.
    private static let timeToLive = 0...300

    let publisher: Publisher

    func add(to routes: inout RouteTable) {
        routes.on("/api/hubs/{hub}/:send", [.post: { try await self.send($0, $1, to: .all) }])
        routes.on(
            "/api/hubs/{hub}/groups/{group}/:send",
            [.post: { try await self.send($0, $1, to: .group(try $1.pubSubGroup())) }]
        )
        routes.on("/api/hubs/{hub}/users/{user}/:send", [.post: { try await self.send($0, $1, to: .user(try $1.pubSubUser())) }])
        routes.on("/api/hubs/{hub}/connections/{connection}/:send", [.post: self.sendToConnection])
    }

    @Sendable private func sendToConnection(_ request: Request, _ context: HTTPRequestContext) async throws -> Response {
        try await self.send(request, context, to: try context.pubSubConnection().map { .connection($0) })
    }

    /// - Parameter audience: nil for a connection that cannot exist.
    private func send(_ request: Request, _ context: HTTPRequestContext, to audience: Audience?) async throws -> Response {
        let hub = try context.pubSubHub()
        let query = try PubSubQuery(request)
        let filter = try query.filter()
        let excluded = try query.excluded()
        let seconds = try query.integer("messageTtlSeconds", in: Self.timeToLive) ?? 0
        let metadata = try PubSubBody.metadata(of: request)
        let content = try await PubSubBody.content(of: request)
        if let quota = self.publisher.charge(bytes: content.payload.readableBytes, to: hub) { throw Problem.hubOverQuota(quota) }
        guard let audience else { return Response(status: .accepted) }
        let details = PublicationDetails(
            metadata: metadata,
            secondsToLive: seconds == 0 ? nil : UInt16(seconds),
            excluded: excluded,
            filter: filter
        )
        // In the outbox of one node a message is not safe. Callers try again.
        guard self.publisher.broker.health.isUp else { throw Problem.pubSubUnavailable }
        let outcome: PublishOutcome
        do throws(BrokerError) {
            outcome = try await self.publisher.pushWithoutReceipts(
                content,
                details,
                to: HubAudience(hub: hub, audience: audience)
            ).outcome
        } catch {
            throw Problem(error)
        }
        if case .degraded = outcome { throw Problem.pubSubUnavailable }
        return Response(status: .accepted)
    }
}

extension Problem {
    /// The cluster cannot be reached; the same request may be repeated.
    static let pubSubUnavailable = Problem(
        .serviceUnavailable,
        "relay-unavailable",
        "The node cannot reach the other nodes.",
        headers: [.retryAfter: "1"]
    )
}
