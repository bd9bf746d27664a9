import HTTPTypes
import VolaryProtocol

/// `…/:closeConnections` and `DELETE connections/{connection}`: close the connections that are open now.
struct PubSubCloseRoutes: Sendable {
    let commands: PubSubCommands
    let activity: ActivityLog

    func add(to routes: inout RouteTable) {
        routes.on("/api/hubs/{hub}/:closeConnections", [.post: { try await self.close($0, $1, .all) }])
        routes.on(
            "/api/hubs/{hub}/groups/{group}/:closeConnections",
            [.post: { try await self.close($0, $1, .group(try $1.pubSubGroup())) }]
        )
        routes.on(
            "/api/hubs/{hub}/users/{user}/:closeConnections",
            [.post: { try await self.close($0, $1, .user(try $1.pubSubUser())) }]
        )
    }

    /// Closes one connection. The route has a second method, so ``PubSubQuestionRoutes`` shares its path.
    @Sendable func closeOne(_ request: Request, _ context: HTTPRequestContext) async throws -> Response {
        _ = try context.pubSubHub()
        let text = try PubSubQuery(request).closeText()
        guard let connection = try context.pubSubConnection() else { return Response(status: .noContent) }
        return try await self.close(context, .connection(connection), text: text)
    }

    private func close(_ request: Request, _ context: HTTPRequestContext, _ audience: Audience) async throws -> Response {
        let query = try PubSubQuery(request)
        let selection = PublicationDetails(excluded: try query.excluded())
        return try await self.close(context, audience, text: try query.closeText(), selection)
    }

    private func close(
        _ context: HTTPRequestContext,
        _ audience: Audience,
        text: String,
        _ selection: PublicationDetails? = nil
    ) async throws -> Response {
        let hub = try context.pubSubHub()
        try await self.commands.change(audience, in: hub, .close(text: text), selection)
        self.activity.changed(.close, of: "\(audience)", by: context.principal)
        return Response(status: .noContent)
    }
}
