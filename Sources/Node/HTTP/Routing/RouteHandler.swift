/// What answers the requests of a route.
typealias RouteHandler = @Sendable (Request, HTTPRequestContext) async throws -> Response

/// What a request passes on its way to a route, and the answer on its way back: a function that calls its last argument for what is behind it,
/// with the request and the context that it got or with changed ones, or does not call it and answers by itself.
typealias Middleware = @Sendable (Request, HTTPRequestContext, _ next: NextHandler) async throws -> Response

/// What is behind a middleware.
typealias NextHandler = (Request, HTTPRequestContext) async throws -> Response
