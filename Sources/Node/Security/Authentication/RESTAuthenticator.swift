import HTTPTypes

/// Who may call the REST API.
struct RESTAuthenticator: Sendable {
    /// From the command line or the environment: may do everything.
    let key: APIKey?
    let keys: ReloadableFile<[APIKey]>?
    let tokens: TokenVerifier?

    /// False: there are no credentials on this node, and everybody may do everything.
    var isGuarded: Bool { self.key != nil || self.keys != nil || self.tokens != nil }

    /// Whether a caller has a permission, for what everybody may ask and not everybody is told all of. On a node without credentials everybody has.
    /// - Parameter authorization: all values of the field; nobody is refused for them.
    func grants(_ permission: Permission, to authorization: [String]) async -> Bool {
        guard self.isGuarded else { return true }
        return (try? await self.caller(authorization: authorization))?.permissions.contains(permission) ?? false
    }

    /// - Parameter authorization: all values of the field.
    /// - Throws: ``Problem`` 401.
    func caller(authorization: [String]) async throws(Problem) -> Principal {
        do throws(TokenError) {
            guard let credential = try BearerToken.inAuthorization(authorization) else { throw .missing }
            let keys = (self.key.map { [$0] } ?? []) + (self.keys?.content ?? [])
            if let caller = APIKey.caller(with: credential, in: keys) { return caller }
            guard let tokens else { throw .signature }
            let grant = try await tokens.grant(for: credential)
            return Principal(identity: "user \(grant.user)", permissions: grant.permissions)
        } catch {
            throw .unauthorized(error)
        }
    }
}

// MARK: - What callers are told (RFC 6750 section 3)

extension Problem {
    static func unauthorized(_ fault: TokenError) -> Problem {
        Problem(
            .unauthorized,
            "unauthorized",
            // A key that is none looks to a node like a token that is none.
            fault == .missing ? "A key or a token is needed: Authorization: Bearer …" : fault.text,
            field: HTTPField.Name.authorization.rawName,
            headers: [.wwwAuthenticate: fault == .missing ? "Bearer" : #"Bearer error="invalid_token""#]
        )
    }

    static func missingPermission(_ permission: Permission) -> Problem {
        Problem(
            .forbidden,
            "missing-permission",
            "This needs the permission \(permission.rawValue).",
            headers: [.wwwAuthenticate: #"Bearer error="insufficient_scope", scope="\#(permission.rawValue)""#]
        )
    }
}
