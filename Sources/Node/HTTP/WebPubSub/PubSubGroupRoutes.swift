import HTTPTypes
import VolaryProtocol

/// Membership of groups: of one connection, of the connections of a user, and of those that a filter selects.
struct PubSubGroupRoutes: Sendable {
    let commands: PubSubCommands
    let activity: ActivityLog

    func add(to routes: inout RouteTable) {
        routes.on("/api/hubs/{hub}/:addToGroups", [.post: { try await self.change($0, $1) { .join($0) } }])
        routes.on("/api/hubs/{hub}/:removeFromGroups", [.post: { try await self.change($0, $1) { .leave($0) } }])
        routes.on(
            "/api/hubs/{hub}/groups/{group}/connections/{connection}",
            [.put: self.addConnection, .delete: self.removeConnection]
        )
        routes.on("/api/hubs/{hub}/connections/{connection}/groups", [.delete: self.removeConnectionFromAll])
        routes.on("/api/hubs/{hub}/users/{user}/groups/{group}", [.put: self.addUser, .delete: self.removeUser])
        routes.on("/api/hubs/{hub}/users/{user}/groups", [.delete: self.removeUserFromAll])
    }

    // MARK: - By filter

    private func change(
        _ request: Request,
        _ context: HTTPRequestContext,
        _ action: ([AudienceName]) -> AudienceCommand.Action
    ) async throws -> Response {
        let hub = try context.pubSubHub()
        let (groups, filter) = try await PubSubBody.groups(of: request)
        _ = try await self.change(.all, in: hub, action(groups), PublicationDetails(filter: filter), by: context.principal)
        return Response(status: .ok)
    }

    // MARK: - A connection

    @Sendable private func addConnection(_: Request, _ context: HTTPRequestContext) async throws -> Response {
        let (hub, group) = (try context.pubSubHub(), try context.pubSubGroup())
        guard let connection = try context.pubSubConnection(),
            try await self.change(.connection(connection), in: hub, .join([group]), by: context.principal) > 0
        else { throw Problem.noPubSubConnection(try context.parameter("connection")) }
        return Response(status: .ok)
    }

    @Sendable private func removeConnection(_: Request, _ context: HTTPRequestContext) async throws -> Response {
        try await self.remove(
            try context.pubSubConnection().map { .connection($0) },
            context,
            .leave([try context.pubSubGroup()])
        )
    }

    @Sendable private func removeConnectionFromAll(_: Request, _ context: HTTPRequestContext) async throws -> Response {
        try await self.remove(try context.pubSubConnection().map { .connection($0) }, context, .leaveAll)
    }

    // MARK: - A user

    /// The present connections of the user join; later ones do not.
    @Sendable private func addUser(_: Request, _ context: HTTPRequestContext) async throws -> Response {
        let (hub, user, group) = (try context.pubSubHub(), try context.pubSubUser(), try context.pubSubGroup())
        guard try await self.change(.user(user), in: hub, .join([group]), by: context.principal) > 0 else {
            throw Problem.pubSub(.userMissing, "User `\(Problem.short(user.text))` is not found.", target: "User")
        }
        return Response(status: .ok)
    }

    @Sendable private func removeUser(_: Request, _ context: HTTPRequestContext) async throws -> Response {
        try await self.remove(.user(try context.pubSubUser()), context, .leave([try context.pubSubGroup()]))
    }

    @Sendable private func removeUserFromAll(_: Request, _ context: HTTPRequestContext) async throws -> Response {
        try await self.remove(.user(try context.pubSubUser()), context, .leaveAll)
    }

    // MARK: -

    /// - Parameter audience: nil for a connection that cannot exist.
    private func remove(
        _ audience: Audience?,
        _ context: HTTPRequestContext,
        _ action: AudienceCommand.Action
    ) async throws -> Response {
        let hub = try context.pubSubHub()
        if let audience { _ = try await self.change(audience, in: hub, action, by: context.principal) }
        return Response(status: .noContent)
    }

    private func change(
        _ audience: Audience,
        in hub: HubName,
        _ action: AudienceCommand.Action,
        _ selection: PublicationDetails? = nil,
        by caller: Principal?
    ) async throws -> Int {
        let count = try await self.commands.withConflicts {
            try await self.commands.change(audience, in: hub, action, selection)
        }
        if case .join = action {
            self.activity.changed(.join, of: "\(audience)", by: caller)
        } else {
            self.activity.changed(.leave, of: "\(audience)", by: caller)
        }
        return count
    }
}
