import HTTPTypes

/// Authenticates REST callers by key or token.
struct RESTAuthenticator: Sendable {
    /// The key of `--api-key`, with all permissions.
    let key: APIKey?
    let keys: ReloadableFile<[APIKey]>?
    let tokens: TokenVerifier?

    /// False: no credentials are configured, and every caller has all permissions.
    let requiresCredentials: Bool

    /// Whether a caller has a permission; for open paths whose answer has details for some callers only. Always true without
    /// credentials.
    /// - Parameter authorization: all values of the field. Invalid ones give false, not an error.
    func hasPermission(_ permission: Permission, authorization: [String]) async -> Bool {
        guard self.requiresCredentials else { return true }
        return (try? await self.principal(authorization: authorization))?.permissions.contains(permission) ?? false
    }

    /// - Parameter authorization: all values of the field.
    /// - Throws: ``Problem`` 401.
    func principal(authorization: [String]) async throws(Problem) -> Principal {
        try await self.caller(authorization: authorization).principal
    }

    /// - Returns: the caller, and the claims of its token; nil for a key.
    func caller(
        authorization: [String]
    ) async throws(Problem) -> (principal: Principal, claims: TokenClaims.VerifiedClaims?) {
        do throws(TokenError) {
            guard let credential = try BearerToken.inAuthorization(authorization) else { throw .missing }
            let keys = (self.key.map { [$0] } ?? []) + (self.keys?.content ?? [])
            if let caller = APIKey.principal(for: credential, in: keys) { return (caller, nil) }
            guard let tokens else { throw .signature }
            let claims = try await tokens.verify(credential)
            return (Principal(identity: "user \(claims.user)", permissions: claims.permissions), claims)
        } catch {
            throw .unauthorized(error)
        }
    }
}

// MARK: - Problems (RFC 6750 section 3)

extension Problem {
    static func unauthorized(_ error: TokenError) -> Problem {
        Problem(
            .unauthorized,
            "unauthorized",
            // An unknown key cannot be told from an invalid token.
            error == .missing ? "A key or a token is required: Authorization: Bearer …" : error.text,
            field: HTTPField.Name.authorization.rawName,
            headers: [.wwwAuthenticate: error == .missing ? "Bearer" : #"Bearer error="invalid_token""#]
        )
    }

    static func missingPermission(_ permission: Permission) -> Problem {
        Problem(
            .forbidden,
            "missing-permission",
            "This request requires the permission \(permission.rawValue).",
            headers: [.wwwAuthenticate: #"Bearer error="insufficient_scope", scope="\#(permission.rawValue)""#]
        )
    }
}
