import HTTPTypes
import Hummingbird

/// Cross-origin requests to the API, as the Fetch standard has them (https://fetch.spec.whatwg.org/#http-cors-protocol).
///
/// For `/api` and `/openapi.json` only; and it stands before everything else, so that a page may also read why it was refused.
struct OriginMiddleware: Sendable {
    let origins: AllowedOrigins

    /// How long a browser may go by the answer to a preflight: 10 minutes, after which a change of the configuration holds everywhere.
    private static var maximumAge: String { "600" }
    private static var requestHeaders: String { "Authorization, Content-Type, Idempotency-Key, If-None-Match" }
    private static var exposedHeaders: String { "ETag, Location, Retry-After, Idempotency-Replayed, WWW-Authenticate" }

    func handle(
        _ request: Request,
        _ context: BasicRequestContext,
        next: Edge.Next
    ) async throws -> Response {
        // A form of any page may send a POST, and does not ask before. Everything else that changes something is asked for first.
        if request.method == .post, let origin = request.headers[.origin], !self.origins.contains(origin),
            !AllowedOrigins.isOwn(origin, host: request.head.authority ?? "")
        {
            return Problem.originNotAllowed.response
        }
        var response = try await next(request, context)
        guard self.origins != .these([]), Self.isShared(request.uri.path) else { return response }
        if self.origins != .all {
            // Also without an Origin: a cache must not hand such an answer to a page that would have been let in.
            response.headers[values: .vary].append("Origin")
        }
        guard let origin = request.headers[.origin], self.origins.contains(origin) else { return response }
        response.headers[.accessControlAllowOrigin] = self.origins == .all ? "*" : origin
        if request.method == .options, request.headers[.accessControlRequestMethod] != nil {
            response.headers[.accessControlAllowMethods] = response.headers[.allow]
            response.headers[.accessControlAllowHeaders] = Self.requestHeaders
            response.headers[.accessControlMaxAge] = Self.maximumAge
        } else {
            response.headers[.accessControlExposeHeaders] = Self.exposedHeaders
        }
        return response
    }

    private static func isShared(_ path: String) -> Bool { path.hasPrefix("/api/") || path == "/openapi.json" }
}
