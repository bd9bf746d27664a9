import HTTPTypes
import NIOCore
import VolaryBackplane
import VolaryProtocol

/// `/api/nodes`, `/livez`, `/readyz`: the nodes of the cluster, draining a node, and the health of this node.
struct NodeRoutes: Sendable {
    let inventory: Inventory
    let directory: NodeDirectory
    let publisher: Publisher
    let activity: ActivityLog
    let idempotency: IdempotencyMiddleware<ContinuousClock>
    let readiness: @Sendable () -> Readiness
    let access: RESTAuthenticator

    func add(to routes: inout RouteTable) {
        routes.on("/api/nodes", [.get: self.nodes])
        routes.on("/api/nodes/{id}/drain", [.post: self.drain])
        routes.on("/livez", [.get: self.live])
        routes.on("/readyz", [.get: self.ready])
    }

    @Sendable private func nodes(_: Request, _: HTTPRequestContext) async throws -> Response {
        let (nodes, isComplete) = await self.inventory.nodes()
        return JSONBody.response(
            NodeList(
                count: nodes.count,
                complete: isComplete,
                answeredBy: self.directory.own.record.name,
                nodes: nodes.map(NodeList.Node.init)
            )
        )
    }

    @Sendable private func drain(_ request: Request, _ context: HTTPRequestContext) async throws -> Response {
        guard let id = NodeID(try context.parameter("id")) else { throw Problem.unknownNode }
        return try await self.idempotency.handle(request, context) { _, context in
            try await self.drain(id, by: context.principal)
        }
    }

    private func drain(_ id: NodeID, by caller: Principal?) async throws -> Response {
        // Before the request is published, because a node that is disconnected finds it in the log later.
        await self.inventory.refreshDirectory()
        guard self.directory.expects(id) || self.directory.all.contains(where: { $0.record.id == id }) else {
            throw Problem.unknownNode
        }
        let result: PushOutcome
        do throws(BrokerError) {
            result = try await self.publisher.drain(id, timeout: .seconds(1))
        } catch {
            throw Problem(error)
        }
        guard result.answer.receipts.isEmpty else {
            self.activity.changed(.drain, of: "\(id)", by: caller)
            return JSONBody.response(AcceptedDrain(id: id.description), status: .accepted)
        }
        throw Problem.nodeSilent("The node did not answer in time. It carries out the request when it can.")
    }

    /// The process serves HTTP. A supervisor should restart the process only if this fails.
    @Sendable private func live(_: Request, _: HTTPRequestContext) async throws -> Response {
        JSONBody.response(["live": true])
    }

    /// Open to everyone, except for error texts of Redis. Credentials are only checked if there are such texts, because load
    /// balancers send none.
    @Sendable private func ready(_ request: Request, _: HTTPRequestContext) async throws -> Response {
        var readiness = self.readiness()
        if readiness.hasReasons, await !self.access.hasPermission(.read, authorization: request.headers[values: .authorization]) {
            readiness = readiness.withoutReasons
        }
        var response = JSONBody.response(readiness, status: readiness.ready ? .ok : .serviceUnavailable)
        if !readiness.ready { response.headers[.retryAfter] = "1" }
        return response
    }
}

/// The answer for a node that begins to drain.
private struct AcceptedDrain: Encodable {
    let id: String
}
