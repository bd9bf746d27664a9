import HTTPTypes

/// `/`: the console. It uses only the REST API and `/ws`, like any other client.
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
                // Each node serves its own version; a cached page of another version must not be used.
                .cacheControl: "no-store",
                .contentSecurityPolicy: self.page.policy,
                .xContentTypeOptions: "nosniff",
                .referrerPolicy: "no-referrer",
            ],
            body: self.page.html
        )
    }
}
