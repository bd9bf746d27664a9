import HTTPTypes
import NIOCore
import VolaryBackplane
import VolaryProtocol

/// Decides who may read the history of an audience: callers with `read`, and clients whose token opens the hub and lets them get these
/// messages, as for event streams (``EventStreamAuthenticator``).
struct HistoryAccess: Sendable {
    let rest: RESTAuthenticator
    let pubSub: PubSubAuthenticator

    /// - Returns: whether the caller may also read what was only for some connections of the audience.
    /// - Throws: 401 or 403.
    func check(_ request: Request, _ audience: HubAudience) async throws(Problem) -> Bool {
        guard self.rest.requiresCredentials else { return true }
        let authorization = request.headers[values: .authorization]
        do throws(Problem) {
            let (principal, claims) = try await self.rest.caller(authorization: authorization)
            if principal.permissions.contains(.read) { return true }
            guard let claims else { throw .missingPermission(.read) }
            guard audience.hub.isDefault else { throw WebSocketHandshake.Refusal.hubNotPermitted.problem }
            try Self.check(audience.audience, user: claims.user) { claims.groups.contains($0) }
        } catch {
            guard error.status == .unauthorized, self.pubSub.keys != nil,
                let token = try? BearerToken.inAuthorization(authorization)
            else { throw error }
            try await self.check(token, request, audience)
        }
        return false
    }

    private func check(_ token: String, _ request: Request, _ audience: HubAudience) async throws(Problem) {
        let client: PubSubTokenClaims.Client
        do throws(WebSocketHandshake.Refusal) {
            client = try await self.pubSub.client(of: token, in: audience.hub, host: request.head.authority).client
        } catch {
            throw error.problem
        }
        try Self.check(audience.audience, user: client.user) {
            client.groups.contains($0) || client.permissions.allows(.joinLeaveGroup, $0)
        }
    }

    private static func check(
        _ audience: Audience,
        user: AudienceName?,
        mayJoin: (AudienceName) -> Bool
    ) throws(Problem) {
        switch audience {
        case .all: break
        case .group(let group):
            guard mayJoin(group) else { throw WebSocketHandshake.Refusal.groupNotPermitted.problem }
        case .user(let name): guard name == user else { throw .missingPermission(.read) }
        case .connection: throw .missingPermission(.read)
        }
    }
}
