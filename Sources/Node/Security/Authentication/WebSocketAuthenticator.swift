import NIOHTTP1
import VolaryProtocol

/// Checks the origin and the token of a WebSocket handshake.
struct WebSocketAuthenticator: Sendable {
    /// Longest remaining lifetime of a token in the query: 5 minutes, in milliseconds. Proxies write URLs into their logs.
    static let maximumQueryLifetime: Int64 = 5 * 60 * 1000

    /// Allowed origins besides the node's own; nil: none.
    let origins: AllowedOrigins?
    /// Nil: no token keys are configured.
    let tokens: TokenVerifier?
    /// Whether clients without a token may connect although credentials are configured.
    let acceptsAnonymous: Bool
    /// Whether clients need a token also without token keys: credentials of any kind close what they do not cover.
    var requiresToken = false
    /// Called with the number of groups of an accepted token that were left out.
    var groupsLeftOut: @Sendable (Int) -> Void = { _ in }

    /// Whether ``admit(_:_:)`` may suspend.
    var needsTime: Bool { self.tokens != nil || self.requiresToken }

    /// - Throws: ``WebSocketHandshake/Refusal/originNotAllowed``. A request without `Origin` does not come from a browser, and is
    ///   allowed.
    func checkOrigin(_ request: HTTPRequestHead) throws(WebSocketHandshake.Refusal) {
        guard request.headers.contains(name: "origin") else { return }
        guard let origin = request.headers.only("origin"), self.isAllowed(origin, host: request.headers.first(name: "host") ?? "")
        else {
            throw .originNotAllowed
        }
    }

    private func isAllowed(_ origin: String, host: String) -> Bool {
        AllowedOrigins.isOwn(origin, host: host) || self.origins?.contains(origin) ?? false
    }

    /// - Returns: the client with the user, groups and permissions of its token.
    func admit(
        _ request: HTTPRequestHead,
        _ client: WebSocketHandshake.Client
    ) async throws(WebSocketHandshake.Refusal) -> WebSocketHandshake.Client {
        guard let tokens else {
            guard self.acceptsAnonymous || !self.requiresToken else { throw .unauthorized(.missing) }
            return client
        }
        do throws(TokenError) {
            guard let (token, isInQuery) = try self.token(of: request) else {
                guard self.acceptsAnonymous else { throw .missing }
                return client
            }
            let claims = try await tokens.verify(token)
            // Pages with SignalR's client have no other place for theirs, which are valid for an hour or so.
            let isLongLived = claims.expiresAt - tokens.now() > Self.maximumQueryLifetime + TokenClaims.Rules.leeway
            if isInQuery, isLongLived, !client.mayHaveNegotiated { throw .tooLongLived }
            let authenticated = try client.authenticated(as: claims)
            if claims.groupsLeftOut > 0 { self.groupsLeftOut(claims.groupsLeftOut) }
            return authenticated
        } catch {
            throw .unauthorized(error)
        }
    }

    private func token(of request: HTTPRequestHead) throws(TokenError) -> (token: String, isInQuery: Bool)? {
        let header = try BearerToken.inAuthorization(request.headers["authorization"])
        let entry = try BearerToken.inSubprotocols(WebSocketHandshake.subprotocols(of: request))
        let parameter = try BearerToken.inQuery(ofTarget: request.uri)
        let all = [header, entry, parameter].compactMap { $0 }
        guard all.count <= 1 else { throw .ambiguous }
        return all.first.map { ($0, parameter != nil) }
    }
}

extension WebSocketHandshake.Client {
    fileprivate func authenticated(as claims: TokenClaims.VerifiedClaims) throws(TokenError) -> Self {
        // A query that names another user is refused: it is unclear which of the two is meant.
        guard self.user == nil || self.user == claims.user else { throw .otherUser }
        var client = self
        client.user = claims.user
        client.groups = claims.groups
        client.expiresAt = claims.expiresAt
        client.canBroadcast = claims.permissions.contains(.broadcast)
        if self.endpoint.keepsClaims { client.claims = claims.all }
        return client
    }
}
