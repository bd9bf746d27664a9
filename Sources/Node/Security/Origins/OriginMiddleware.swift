import HTTPTypes

/// Cross-origin requests to the API, as the Fetch standard has them (https://fetch.spec.whatwg.org/#http-cors-protocol).
///
/// For `/api` and `/openapi.json` only; and it stands before everything else, so that a page may also read why it was refused.
struct OriginMiddleware: Sendable {
    let origins: AllowedOrigins
    let activity: ActivityLog

    /// How long a browser may go by the answer to a preflight: 10 minutes, after which a change of the configuration holds everywhere.
    private static var maximumAge: String { "600" }
    private static var requestHeaders: String { "Authorization, Content-Type, Idempotency-Key, If-None-Match" }
    private static var exposedHeaders: String { "ETag, Location, Retry-After, Idempotency-Replayed, WWW-Authenticate" }

    func handle(
        _ request: Request,
        _ context: HTTPRequestContext,
        next: NextHandler
    ) async throws -> Response {
        let origin = request.headers[.origin]
        let isAllowed = origin.map(self.origins.contains) ?? false
        if let origin, !isAllowed, !AllowedOrigins.isOwn(origin, host: request.head.authority ?? "") {
            // A form of any page may send a POST, and does not ask before. Everything else that changes something is asked for first.
            let isRefused = request.method == .post
            // What is answered to others, their browsers keep from them.
            if isRefused || Self.isShared(request.path) { self.activity.pageRefused(origin: origin) }
            if isRefused { return Problem.originNotAllowed(.corsOrigins).response }
        }
        var response = try await next(request, context)
        guard self.origins != .these([]), Self.isShared(request.path) else { return response }
        if self.origins != .all {
            // Also without an Origin: a cache must not hand such an answer to a page that would have been let in.
            response.headers[values: .vary].append("Origin")
        }
        guard let origin, isAllowed else { return response }
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
