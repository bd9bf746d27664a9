import HTTPTypes
import Hummingbird

/// `/`: the console. It uses only the REST API and `/ws`, like any other client.
struct ConsoleRoutes: Sendable {
    private let page = ConsolePage()

    func add(to router: Router<BasicRequestContext>) {
        router.on("/", [.get: self.console])
    }

    @Sendable private func console(_: Request, _: BasicRequestContext) async throws -> Response {
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
            body: ResponseBody(byteBuffer: self.page.html)
        )
    }
}
