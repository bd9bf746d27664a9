import HTTPTypes

/// `/`: the console, for people. It knows the cluster through the REST API and `/ws` alone, like any other client.
struct ConsoleRoutes: Sendable {
    private let page = ConsolePage()

    func add(to routes: inout RouteTable) {
        routes.on("/", [.get: self.console])
    }

    @Sendable private func console(_: Request, _: HTTPRequestContext) async throws -> Response {
        Response(
            status: .ok,
            headers: [
                .contentType: "text/html; charset=utf-8",
                // Each node serves its own; one that is upgraded must not be looked at with the page of another.
                .cacheControl: "no-store",
                .contentSecurityPolicy: self.page.policy,
                .xContentTypeOptions: "nosniff",
                .referrerPolicy: "no-referrer",
            ],
            body: self.page.html
        )
    }
}
