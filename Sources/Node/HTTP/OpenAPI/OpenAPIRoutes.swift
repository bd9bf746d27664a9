import HTTPTypes
import NIOCore

/// `/openapi.json` and `/webpubsub.json`: the descriptions of the node's own REST API and of Web PubSub's in OpenAPI 3.1. The
/// documents lie beside this file, edited by hand.
struct OpenAPIRoutes: Sendable {
    static let document = ByteBuffer(bytes: PackageResources.openapi_json)

    static let pubSubDocument = ByteBuffer(bytes: PackageResources.webpubsub_json)

    private static let pubSubContent = StaticContent(Self.pubSubDocument, type: "application/json; charset=utf-8")
    private static let content = StaticContent(Self.document, type: "application/json; charset=utf-8")

    func add(to routes: inout RouteTable) {
        routes.on("/openapi.json", [.get: { request, _ in Self.content.response(to: request) }])
        routes.on("/webpubsub.json", [.get: { request, _ in Self.pubSubContent.response(to: request) }])
    }
}
