import HTTPTypes

/// The paths of WebSockets for requests that are not WebSocket handshakes, and that of event streams for those that do not begin one.
struct WebSocketRoutes: Sendable {
    func add(to routes: inout RouteTable) {
        for path in ["/ws", "/echo", "/client/hubs/{hub}", "/client"] { routes.on(path, [.get: self.refuse]) }
        // Only HEAD gets here.
        routes.on(
            EventStreamHandshake.path,
            [.get: { _, _ in Response(status: .ok, headers: [.contentType: "text/event-stream"]) }]
        )
    }

    @Sendable private func refuse(_: Request, _: HTTPRequestContext) async throws -> Response {
        throw Problem(
            .badRequest,
            "not-a-websocket",
            "This path is for WebSockets only: send a GET request with an upgrade."
        )
    }
}
