import HTTPTypes
import NIOCore
import VolaryBackplane
import VolaryProtocol

/// `/api/connections`: the list of connections, pushes to one, and closing one.
struct ConnectionRoutes: Sendable {
    let inventory: Inventory
    let publisher: Publisher
    let pushing: PushService
    let activity: ActivityLog

    func add(to routes: inout RouteTable) {
        routes.on("/api/connections", [.get: self.list])
        routes.on("/api/connections/broadcast", [.post: self.broadcast])
        routes.on("/api/connections/{id}", [.get: self.get, .delete: self.delete])
        routes.on("/api/connections/{id}/send", [.post: self.send])
    }

    // MARK: - Reading

    @Sendable private func list(_ request: Request, _: HTTPRequestContext) async throws -> Response {
        let query = try Query(request, only: "hub", "limit", "cursor", "node", "user", "group")
        let page = try await self.inventory.page(
            ConnectionQuery(
                in: try query.hub(),
                limit: try query.integer("limit", in: 1...PresenceLimits.pageSize) ?? 100,
                after: try query.connectionID("cursor"),
                nodeName: query.text("node"),
                user: try query.name("user"),
                group: try query.name("group")
            )
        )
        return JSONBody.response(page)
    }

    @Sendable private func get(_ request: Request, _ context: HTTPRequestContext) async throws -> Response {
        let hub = try Query(request, only: "hub").hub()
        let id = try await self.pushing.find(try context.connection(), in: hub)
        guard let connection = try await self.inventory.connection(id, in: hub) else { throw Problem.unknownConnection }
        return JSONBody.response(connection)
    }

    // MARK: - Pushing

    @Sendable private func broadcast(_ request: Request, _ context: HTTPRequestContext) async throws -> Response {
        try await self.pushing.push(request, context) { _ in .all }
    }

    @Sendable private func send(_ request: Request, _ context: HTTPRequestContext) async throws -> Response {
        let connection = try context.connection()
        return try await self.pushing.push(request, context) { .connection(try await self.pushing.find(connection, in: $0)) }
    }

    @Sendable private func delete(_ request: Request, _ context: HTTPRequestContext) async throws -> Response {
        let query = try Query(request, only: "hub", "code", "reason")
        let hub = try query.hub()
        let id = try await self.pushing.find(try context.connection(), in: hub)
        let code = CloseCode(rawValue: UInt16(try query.integer("code", in: 1000...4999) ?? 1000))
        guard code.canSend else { throw Problem.invalidQuery("code", "code must be 1000 to 1003, 1007 to 1014 or 3000 to 4999.") }
        let reason = query.text("reason")?.string ?? ""
        guard reason.utf8.count <= Limits.maximumCloseReasonBytes else {
            throw Problem.invalidQuery("reason", "reason may have \(Limits.maximumCloseReasonBytes) bytes of UTF-8.")
        }
        let text = PubSubCloseText.closedByApplication(reason: reason)
        let response = try await self.pushing.request(of: id, in: hub, .close(text: text)) { () async throws(BrokerError) in
            try await self.publisher.close(id, in: hub, code: code, reason: reason, timeout: .seconds(1))
        }
        self.activity.changed(.close, of: "\(id)", by: context.principal)
        return response
    }
}
