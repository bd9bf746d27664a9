import HTTPTypes

/// CORS for the API, as in the Fetch standard (https://fetch.spec.whatwg.org/#http-cors-protocol).
///
/// For `/api`, `/openapi.json` and requests to `/hubs` only. It is the first middleware, so that an allowed page can also read why a request
/// was refused.
struct OriginMiddleware: Sendable {
    /// Of pages that may use the API.
    let origins: AllowedOrigins
    /// Of pages that may open WebSockets, and so may send the requests of SignalR.
    let webSocketOrigins: AllowedOrigins
    let activity: ActivityLog

    /// How long a browser may cache a preflight, in seconds: 10 minutes. A configuration change takes effect everywhere after
    /// that.
    private static var maximumAge: String { "600" }
    private static var requestHeaders: String { "Authorization, Content-Type, Idempotency-Key, If-None-Match" }
    private static var hubHeaders: String { "Authorization, Content-Type, X-Requested-With, X-SignalR-User-Agent" }
    private static var exposedHeaders: String { "ETag, Location, Retry-After, Idempotency-Replayed, WWW-Authenticate" }

    func handle(
        _ request: Request,
        _ context: HTTPRequestContext,
        next: NextHandler
    ) async throws -> Response {
        let isOfHubs = ConnectionRequestRoutes.serves(request.path)
        let origins = isOfHubs ? self.webSocketOrigins : self.origins
        let origin = request.headers[.origin]
        let isAllowed = origin.map(origins.contains) ?? false
        if let origin, !isAllowed, !AllowedOrigins.isOwn(origin, host: request.head.authority ?? "") {
            // A form of any page can send a POST without a preflight. All other changes need a preflight, which fails.
            let isRefused = request.method == .post
            // For other requests, the browser withholds the answer from the page.
            let option: ConfigurationOption = isOfHubs ? .allowedOrigins : .corsOrigins
            if isRefused || Self.isShared(request.path) { self.activity.pageRefused(origin: origin, option) }
            if isRefused { return Problem.originNotAllowed(option).response }
        }
        var response = try await next(request, context)
        guard origins != .these([]), isOfHubs || Self.isShared(request.path) else { return response }
        // Browsers send these with credentials, and then want to read their own origin.
        let namesAll = origins == .all && !isOfHubs
        if !namesAll {
            // Also without an Origin: a cache must not serve such an answer to an allowed page.
            response.headers[values: .vary].append("Origin")
        }
        guard let origin, isAllowed else { return response }
        response.headers[.accessControlAllowOrigin] = namesAll ? "*" : origin
        if isOfHubs { response.headers[.accessControlAllowCredentials] = "true" }
        if request.method == .options, request.headers[.accessControlRequestMethod] != nil {
            response.headers[.accessControlAllowMethods] = response.headers[.allow]
            response.headers[.accessControlAllowHeaders] = isOfHubs ? Self.hubHeaders : Self.requestHeaders
            response.headers[.accessControlMaxAge] = Self.maximumAge
        } else {
            response.headers[.accessControlExposeHeaders] = Self.exposedHeaders
        }
        return response
    }

    private static func isShared(_ path: String) -> Bool { path.hasPrefix("/api/") || path == "/openapi.json" }
}
