import HTTPTypes

/// Refuses requests whose caller lacks the required permission.
struct AccessMiddleware: Sendable {
    let access: RESTAuthenticator

    func handle(
        _ request: Request,
        _ context: HTTPRequestContext,
        next: NextHandler
    ) async throws -> Response {
        guard self.access.requiresCredentials, let needed = Permission.needed(for: request.method, request.path) else {
            return try await next(request, context)
        }
        let caller = try await self.access.principal(authorization: request.headers[values: .authorization])
        guard caller.permissions.contains(needed) else { throw Problem.missingPermission(needed) }
        var context = context
        context.principal = caller
        return try await next(request, context)
    }
}
