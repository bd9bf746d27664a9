/// Answers the requests of a route.
typealias RouteHandler = @Sendable (Request, HTTPRequestContext) async throws -> Response

/// A function between the server and the routes. It either calls `next` with the request and the context, changed or not, or
/// returns its own answer. It may change the answer of `next`.
typealias Middleware = @Sendable (Request, HTTPRequestContext, _ next: NextHandler) async throws -> Response

/// The next middleware, or the route.
typealias NextHandler = (Request, HTTPRequestContext) async throws -> Response
