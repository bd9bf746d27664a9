import HTTPTypes
import NIOCore

/// `/openapi.json`: what the REST API is, in OpenAPI 3.1. The document is `openapi.json` beside this file, kept by hand.
struct OpenAPIRoutes: Sendable {
    static let document = ByteBuffer(bytes: PackageResources.openapi_json)

    private let content = StaticContent(Self.document, type: "application/json; charset=utf-8")

    func add(to routes: inout RouteTable) {
        routes.on("/openapi.json", [.get: { request, _ in self.content.response(to: request) }])
    }
}
