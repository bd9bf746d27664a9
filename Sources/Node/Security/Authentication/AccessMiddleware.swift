import HTTPTypes

/// Lets a request through only if its caller may make it.
struct AccessMiddleware: Sendable {
    let access: RESTAuthenticator

    func handle(
        _ request: Request,
        _ context: HTTPRequestContext,
        next: NextHandler
    ) async throws -> Response {
        guard self.access.isGuarded, let needed = Permission.needed(for: request.method, request.path) else {
            return try await next(request, context)
        }
        let caller = try await self.access.caller(authorization: request.headers[values: .authorization])
        guard caller.permissions.contains(needed) else { throw Problem.missingPermission(needed) }
        var context = context
        context.principal = caller
        return try await next(request, context)
    }
}
