import HTTPTypes

/// CORS for the API, as in the Fetch standard (https://fetch.spec.whatwg.org/#http-cors-protocol).
///
/// For `/api` and `/openapi.json` only. It is the first middleware, so that an allowed page can also read why a request was
/// refused.
struct OriginMiddleware: Sendable {
    let origins: AllowedOrigins
    let activity: ActivityLog

    /// How long a browser may cache a preflight, in seconds: 10 minutes. A configuration change takes effect everywhere after
    /// that.
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
            // A form of any page can send a POST without a preflight. All other changes need a preflight, which fails.
            let isRefused = request.method == .post
            // For other requests, the browser withholds the answer from the page.
            if isRefused || Self.isShared(request.path) { self.activity.pageRefused(origin: origin) }
            if isRefused { return Problem.originNotAllowed(.corsOrigins).response }
        }
        var response = try await next(request, context)
        guard self.origins != .these([]), Self.isShared(request.path) else { return response }
        if self.origins != .all {
            // Also without an Origin: a cache must not serve such an answer to an allowed page.
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
