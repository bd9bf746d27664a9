import HTTPTypes
import NIOCore

/// `/openapi.json`: the description of the REST API in OpenAPI 3.1. The document is `openapi.json` beside this file, edited by
/// hand.
struct OpenAPIRoutes: Sendable {
    static let document = ByteBuffer(bytes: PackageResources.openapi_json)

    private static let content = StaticContent(Self.document, type: "application/json; charset=utf-8")

    func add(to routes: inout RouteTable) {
        routes.on("/openapi.json", [.get: { request, _ in Self.content.response(to: request) }])
    }
}
