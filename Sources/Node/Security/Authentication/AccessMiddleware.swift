import HTTPTypes
import Hummingbird

/// Refuses requests whose caller lacks the required permission.
struct AccessMiddleware: Sendable {
    let access: RESTAuthenticator

    func handle(
        _ request: Request,
        _ context: BasicRequestContext,
        next: MiddlewareChain.Next
    ) async throws -> Response {
        guard self.access.requiresCredentials, let needed = Permission.needed(for: request.method, request.uri.path) else {
            return try await next(request, context)
        }
        let caller = try await self.access.principal(authorization: request.headers[values: .authorization])
        guard caller.permissions.contains(needed) else { throw Problem.missingPermission(needed) }
        return try await Principal.$current.withValue(caller) { try await next(request, context) }
    }
}
