import HTTPTypes
import NIOCore
import VolaryProtocol

/// `/swagger` and `/swagger/webpubsub`: Swagger UI for `/openapi.json` and `/webpubsub.json`, from the operator's own files, or from a CDN if there are none.
///
/// The page loads two files of one version from the CDN, and the browser checks their hashes. The files are of swagger-ui-dist
/// 5.32.6 on npm. The hashes were computed over the files in two PyPI packages that contain it (drf-spectacular-sidecar
/// 2026.6.1, fastapi-offline 1.7.7), which are identical, and match the hashes that other projects publish.
struct SwaggerRoutes: Sendable {
    private static let cdn = "https://cdn.jsdelivr.net/npm/swagger-ui-dist@5.32.6/"
    private static let scriptHash = "sha384-EYdOaiRwn44zNjrw+Tfs06qYz9BGQVo2f4/pLY5i7VorbjnZNhdplAbTBk8FXHUJ"
    private static let styleHash = "sha384-9Q2fpS+xeS4ffJy6CagnwoUl+4ldAYhOs9pgZuEKxypVModhmZFzeMlvVsAjf7uT"

    private let page: StaticContent
    private let pubSubPage: StaticContent
    private let files: [UTF8Text: StaticContent]

    /// - Parameter assets: nil to use the CDN.
    init(assets: SwaggerAssets?) {
        let source = assets == nil ? Self.cdn : "/swagger/"
        var files: [UTF8Text: StaticContent] = [
            "start.js": StaticContent(ByteBuffer(bytes: PackageResources.start_js), type: "text/javascript; charset=utf-8")
        ]
        if let assets {
            files[UTF8Text(SwaggerAssets.script)] = StaticContent(assets.script, type: "text/javascript; charset=utf-8")
            files[UTF8Text(SwaggerAssets.style)] = StaticContent(assets.style, type: "text/css; charset=utf-8")
        }
        self.files = files
        self.page = Self.page(of: "/openapi.json", source: source, isForeign: assets == nil)
        self.pubSubPage = Self.page(of: "/webpubsub.json", source: source, isForeign: assets == nil)
    }

    private static func page(of document: String, source: String, isForeign: Bool) -> StaticContent {
        StaticContent(
            ByteBuffer(string: self.html(of: document, source: source, isForeign: isForeign)),
            type: "text/html; charset=utf-8",
            headers: [.contentSecurityPolicy: self.policy(source: source, isForeign: isForeign), .referrerPolicy: "no-referrer"]
        )
    }

    func add(to routes: inout RouteTable) {
        routes.on("/swagger", [.get: { request, _ in self.page.response(to: request) }])
        routes.on("/swagger/webpubsub", [.get: { request, _ in self.pubSubPage.response(to: request) }])
        routes.on("/swagger/{file}", [.get: self.file])
    }

    @Sendable private func file(_ request: Request, _ context: HTTPRequestContext) async throws -> Response {
        guard let file = self.files[UTF8Text(try context.parameter("file"))] else { throw Problem.unknownPath }
        return file.response(to: request)
    }

    private static func html(of document: String, source: String, isForeign: Bool) -> String {
        func integrity(_ hash: String) -> String { isForeign ? " integrity=\"\(hash)\" crossorigin=\"anonymous\"" : "" }
        return """
            <!doctype html>
            <html lang="en">
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>Volary: REST API</title>
            <link rel="icon" href="data:,">
            <link rel="stylesheet" href="\(source)\(SwaggerAssets.style)"\(integrity(self.styleHash))>
            <div id="swagger-ui" data-document="\(document)"><p>Swagger UI has not loaded. The API is described in \
            <a href="\(document)">\(document)</a>.</div>
            <script src="\(source)\(SwaggerAssets.script)"\(integrity(self.scriptHash))></script>
            <script src="/swagger/start.js"></script>

            """
    }

    /// Permits scripts and styles from their source, requests to this node, and nothing else. Swagger UI sets styles on
    /// elements.
    private static func policy(source: String, isForeign: Bool) -> String {
        let (script, style) = isForeign ? (" \(source)\(SwaggerAssets.script)", " \(source)\(SwaggerAssets.style)") : ("", "")
        return [
            "default-src 'none'", "script-src 'self'\(script)", "style-src 'self'\(style) 'unsafe-inline'",
            "img-src 'self' data:",
            "connect-src 'self'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
        ].joined(separator: "; ")
    }
}
