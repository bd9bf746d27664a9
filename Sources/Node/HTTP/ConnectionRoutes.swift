import Backplane
import HTTPTypes
import Hummingbird
import NIOCore
import Protocol

/// `/api/connections`: who is connected, and pushes to them.
struct ConnectionRoutes: Sendable {
    let inventory: Inventory
    let publisher: Publisher
    let directory: NodeDirectory
    let settings: HTTPSettings
    /// Bytes of a pushed message, as of a client's.
    let maximumMessageBytes: Int

    func add(to router: Router<BasicRequestContext>) {
        router.on("api/connections", [.get: self.list])
        router.on("api/connections/broadcast", [.post: self.broadcast])
        router.on("api/connections/:id", [.get: self.get, .delete: self.delete])
        router.on("api/connections/:id/send", [.post: self.send])
    }

    // MARK: - Reading

    @Sendable private func list(_ request: Request, _: BasicRequestContext) async throws -> Response {
        let query = Query(request)
        let page = await self.inventory.page(
            ConnectionQuery(
                limit: try query.integer("limit", in: 1...PresenceLimits.pageSize) ?? 100,
                after: try query.connectionID("cursor"),
                nodeName: query.text("node")
            )
        )
        return JSONBody.response(page)
    }

    @Sendable private func get(_ request: Request, _ context: BasicRequestContext) async throws -> Response {
        let id = try self.id(context)
        guard let connection = try await self.inventory.connection(id) else { throw Problem.unknownConnection }
        return JSONBody.response(connection)
    }

    // MARK: - Pushing

    private struct MessageBody: Decodable {
        let message: String
    }

    @Sendable private func broadcast(_ request: Request, _: BasicRequestContext) async throws -> Response {
        try await self.push(request, to: nil)
    }

    @Sendable private func send(_ request: Request, _ context: BasicRequestContext) async throws -> Response {
        try await self.push(request, to: try self.id(context))
    }

    private func push(_ request: Request, to target: ConnectionID?) async throws -> Response {
        let query = Query(request)
        let waits = try query.choice("wait", of: ["none": false, "routed": true]) ?? true
        let timeout = try query.timeout()
        let body = try await JSONBody.decode(MessageBody.self, from: request, maximumBytes: self.settings.maximumBodyBytes)
        guard body.message.contains(where: { !$0.isWhitespace }) else {
            throw Problem.invalidBody("message must not be empty.", field: "message")
        }
        guard body.message.utf8.count <= self.maximumMessageBytes else {
            throw Problem(
                .contentTooLarge,
                "message-too-large",
                "message may have \(self.maximumMessageBytes) bytes of UTF-8.",
                field: "message"
            )
        }
        do {
            guard waits else {
                let id = try await self.publisher.pushWithoutReceipts(body.message, to: target)
                return JSONBody.response(AcceptedPush(id: id.description), status: .accepted)
            }
            let result = try await self.publisher.push(body.message, to: target, timeout: timeout)
            if target != nil, result.knowsOfNoConnection { throw Problem.unknownConnection }
            return JSONBody.response(
                PushReceipt(result, target: target, directory: self.directory),
                status: result.isDegraded ? .accepted : .ok
            )
        } catch let error as BrokerError {
            throw Problem(error)
        }
    }

    @Sendable private func delete(_ request: Request, _ context: BasicRequestContext) async throws -> Response {
        let id = try self.id(context)
        let query = Query(request)
        let code = CloseCode(rawValue: UInt16(try query.integer("code", in: 1000...4999) ?? 1000))
        guard code.maySend else { throw Problem.invalidQuery("code", "code must be 1000 to 1003, 1007 to 1014 or 3000 to 4999.") }
        let reason = query.text("reason") ?? ""
        guard reason.utf8.count <= Limits.maximumCloseReasonBytes else {
            throw Problem.invalidQuery("reason", "reason may have \(Limits.maximumCloseReasonBytes) bytes of UTF-8.")
        }
        let result: PushResult
        do throws(BrokerError) {
            result = try await self.publisher.close(id, code: code, reason: reason, timeout: .seconds(1))
        } catch {
            throw Problem(error)
        }
        if result.recipients > 0 { return Response(status: .noContent) }
        if result.knowsOfNoConnection { throw Problem.unknownConnection }
        if result.isDegraded { throw Problem.relayUnavailable }
        throw Problem(
            .gatewayTimeout,
            "node-silent",
            "The node that holds the connection did not answer in time; it closes it when it can."
        )
    }

    /// An id that cannot be one names no connection.
    private func id(_ context: BasicRequestContext) throws -> ConnectionID {
        let text = try context.parameters.require("id")
        guard let id = ConnectionID(text) else { throw Problem.unknownConnection }
        return id
    }
}
