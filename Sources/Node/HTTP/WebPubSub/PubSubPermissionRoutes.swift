import HTTPTypes
import VolaryProtocol

/// `permissions/{permission}/connections/{connection}`: what a client may do with a group, or with all groups.
struct PubSubPermissionRoutes: Sendable {
    let commands: PubSubCommands

    func add(to routes: inout RouteTable) {
        routes.on(
            "/api/hubs/{hub}/permissions/{permission}/connections/{connection}",
            [.put: self.grant, .delete: self.revoke, .head: self.check]
        )
    }

    @Sendable private func grant(_ request: Request, _ context: HTTPRequestContext) async throws -> Response {
        guard let isDone = try await self.carryOut(.grant, request, context) else {
            throw Problem.noPubSubConnection(try context.parameter("connection"), .connectionMissingForPermission)
        }
        guard isDone else { throw Self.tooMany }
        return Response(status: .ok)
    }

    @Sendable private func revoke(_ request: Request, _ context: HTTPRequestContext) async throws -> Response {
        guard try await self.carryOut(.revoke, request, context) ?? true else { throw Self.tooMany }
        return Response(status: .noContent)
    }

    @Sendable private func check(_ request: Request, _ context: HTTPRequestContext) async throws -> Response {
        guard let isAllowed = try await self.carryOut(.check, request, context) else {
            throw Problem.noPubSubConnection(try context.parameter("connection"), .connectionMissingForPermission)
        }
        guard isAllowed else { throw Problem.pubSub(.permissionAbsent, "The client lacks the permission.") }
        return Response(status: .ok)
    }

    /// - Returns: nil without such a connection.
    private func carryOut(
        _ action: PermissionRequest.Action,
        _ request: Request,
        _ context: HTTPRequestContext
    ) async throws -> Bool? {
        let hub = try context.pubSubHub()
        guard let permission = GroupPermission(inPath: UTF8Text(try context.parameter("permission"))) else {
            throw Problem.pubSub(.badRequest, "The permission must be sendToGroup or joinLeaveGroup.")
        }
        var group: AudienceName?
        if let target = try PubSubQuery(request).value("targetName") {
            guard let name = AudienceName(pubSubGroup: target) else { throw Problem.invalidPubSubGroup }
            group = name
        }
        guard let connection = try context.pubSubConnection() else { return nil }
        return try await self.commands.change(action, permission, for: group, of: connection, in: hub)
    }

    private static let tooMany = Problem.pubSub(
        .connectionConflict,
        "The connection has permissions for \(GroupPermissions.maximumGroups) groups, the most that it can have.",
        target: "Connection"
    )
}

extension GroupPermission {
    /// - Parameter text: a name in any case, or a number of older libraries.
    fileprivate init?(inPath text: UTF8Text) {
        if text.string.isSame("sendToGroup") || text == "1" {
            self = .sendToGroup
        } else if text.string.isSame("joinLeaveGroup") || text == "2" {
            self = .joinLeaveGroup
        } else {
            return nil
        }
    }
}
