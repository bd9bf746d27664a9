import HTTPTypes

/// `/ws` and `/echo` for requests that are not WebSocket handshakes.
struct WebSocketRoutes: Sendable {
    func add(to routes: inout RouteTable) {
        routes.on("/ws", [.get: self.refuse])
        routes.on("/echo", [.get: self.refuse])
    }

    @Sendable private func refuse(_: Request, _: HTTPRequestContext) async throws -> Response {
        throw Problem(
            .badRequest,
            "not-a-websocket",
            "This path is for WebSockets only: send a GET request with an upgrade."
        )
    }
}
