import Backplane
import Hummingbird

/// `/api/nodes`, `/livez`, `/readyz`: the cluster, and this node's health.
struct NodeRoutes: Sendable {
    let inventory: Inventory
    let directory: NodeDirectory
    let readiness: @Sendable () -> Readiness

    func add(to router: Router<BasicRequestContext>) {
        router.on("api/nodes", [.get: self.nodes])
        router.on("livez", [.get: self.live])
        router.on("readyz", [.get: self.ready])
    }

    @Sendable private func nodes(_: Request, _: BasicRequestContext) async throws -> Response {
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

    /// The process serves HTTP: all that a supervisor should restart it for.
    @Sendable private func live(_: Request, _: BasicRequestContext) async throws -> Response {
        JSONBody.response(["live": true])
    }

    @Sendable private func ready(_: Request, _: BasicRequestContext) async throws -> Response {
        let readiness = self.readiness()
        var response = JSONBody.response(readiness, status: readiness.ready ? .ok : .serviceUnavailable)
        if !readiness.ready { response.headers[.retryAfter] = "1" }
        return response
    }
}
