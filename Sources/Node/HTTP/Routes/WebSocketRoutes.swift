import Hummingbird

/// `/ws` and `/echo` for requests that are no WebSocket handshake.
struct WebSocketRoutes: Sendable {
    func add(to router: Router<BasicRequestContext>) {
        router.on("ws", [.get: self.refuse])
        router.on("echo", [.get: self.refuse])
    }

    @Sendable private func refuse(_: Request, _: BasicRequestContext) async throws -> Response {
        throw Problem(
            .badRequest,
            "not-a-websocket",
            "This path speaks WebSocket only: send a GET request with an upgrade."
        )
    }
}
