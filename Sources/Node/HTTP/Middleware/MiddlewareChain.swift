import Hummingbird

/// What a request passes on its way to a route, and its answer on the way back, as one middleware of the router.
///
/// The router's own chain looks up the task's executor between any two of its middlewares, which costs more than most of them do.
struct MiddlewareChain: RouterMiddleware {
    /// What is behind a layer.
    typealias Next = (Request, BasicRequestContext) async throws -> Response

    private let layers: @Sendable (Request, BasicRequestContext, Next) async throws -> Response

    /// - Parameter layers: calls the last argument for the route.
    init(_ layers: @escaping @Sendable (Request, BasicRequestContext, Next) async throws -> Response) {
        self.layers = layers
    }

    @concurrent func handle(
        _ request: Request,
        context: BasicRequestContext,
        next: @concurrent (Request, BasicRequestContext) async throws -> Response
    ) async throws -> Response {
        try await self.layers(request, context, next)
    }
}
