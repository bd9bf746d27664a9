import HTTPTypes
import NIOCore
import VolaryBackplane
import VolaryProtocol

/// `/api/groups` and `/api/users`: pushes to groups and users, and membership of groups.
struct AudienceRoutes: Sendable {
    let publisher: Publisher
    let pushing: PushService
    let activity: ActivityLog

    func add(to routes: inout RouteTable) {
        routes.on("/api/groups/{group}/send", [.post: self.sendToGroup])
        routes.on("/api/groups/{group}/connections/{id}", [.put: self.join, .delete: self.leave])
        routes.on("/api/users/{user}/send", [.post: self.sendToUser])
    }

    @Sendable private func sendToGroup(_ request: Request, _ context: HTTPRequestContext) async throws -> Response {
        let group = try context.name("group")
        return try await self.pushing.push(request, context) { _ in .group(group) }
    }

    @Sendable private func sendToUser(_ request: Request, _ context: HTTPRequestContext) async throws -> Response {
        let user = try context.name("user")
        return try await self.pushing.push(request, context) { _ in .user(user) }
    }

    @Sendable private func join(_ request: Request, _ context: HTTPRequestContext) async throws -> Response {
        try await self.change(request, context, joins: true)
    }

    @Sendable private func leave(_ request: Request, _ context: HTTPRequestContext) async throws -> Response {
        try await self.change(request, context, joins: false)
    }

    private func change(_ request: Request, _ context: HTTPRequestContext, joins: Bool) async throws -> Response {
        let group = try context.name("group")
        let hub = try Query(request, only: "hub").hub()
        let id = try await self.pushing.find(try context.connection(), in: hub)
        let response = try await self.pushing.request(of: id, in: hub, joins ? .join([group]) : .leave([group])) {
            () async throws(BrokerError) in
            // A join waits for Redis to confirm a subscription and for the presence store, which takes longer than a push.
            try await self.publisher.change(id, in: hub, group: group, joins: joins, timeout: .seconds(3))
        }
        self.activity.changed(joins ? .join : .leave, of: "\(id)", by: context.principal)
        return response
    }
}
