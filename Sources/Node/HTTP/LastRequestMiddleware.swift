import HTTPTypes
import Hummingbird

/// Says so in the answer when it is the last of its connection: because the client wishes that, or the node (RFC 9112 section 9.6). The
/// server ends the connection behind it.
struct LastRequestMiddleware<Context: RequestContext>: RouterMiddleware {
    @concurrent func handle(
        _ request: Request,
        context: Context,
        next: @concurrent (Request, Context) async throws -> Response
    ) async throws -> Response {
        var response = try await next(request, context)
        if request.headers[.connection]?.lowercased() == "close" { response.headers[.connection] = "close" }
        return response
    }
}
