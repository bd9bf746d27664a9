import NIOCore
import VolaryBackplane
import VolaryProtocol

/// The claims of a token with a valid signature (RFC 7519), before they are verified.
struct TokenClaims: Hashable {
    /// What a node requires of tokens, and where their claims are.
    struct Rules: Sendable {
        /// Nil: tokens must have no audience, because one with an audience is meant for another service (RFC 7519 section 4.1.3).
        var audience: String?
        /// Nil: any.
        var issuer: String?
        var user = ClaimPath.user
        var groups = ClaimPath.groups
        /// The permissions of all these claims are combined.
        var permissions = ClaimPath.permissions
        /// Allowed difference between the clocks of issuer and node: 5 s, in milliseconds.
        static let leeway: Int64 = 5000
    }

    /// The result for a valid token.
    struct VerifiedClaims: Hashable, Sendable {
        let user: AudienceName
        let groups: Set<AudienceName>
        /// The number of groups left out: invalid names, or more than a connection may be in.
        let groupsLeftOut: Int
        let permissions: Set<Permission>
        /// Milliseconds since 1970, UTC; includes the leeway.
        let expiresAt: Int64
        /// All claims of the token.
        let all: JSONValue
    }

    private let claims: JSONValue

    /// - Parameter payload: of a token whose signature is valid; at most ``TokenVerifier/maximumBytes``.
    init(payload: ByteBuffer) throws(TokenError) {
        guard let claims = try? JSONValue(parsing: payload), claims.kind == .object else { throw .payload }
        self.claims = claims
    }

    /// Checks the claims against the rules.
    /// - Parameter now: milliseconds since 1970, UTC.
    func verify(_ rules: Rules, now: Int64) throws(TokenError) -> VerifiedClaims {
        guard let expiry = try self.time("exp") else { throw .absent("exp") }
        guard now < expiry + Rules.leeway else { throw .expired }
        if let start = try self.time("nbf"), now < start - Rules.leeway { throw .notYetValid }
        try self.checkAudience(rules.audience)
        if let issuer = rules.issuer {
            guard let value = self.claims["iss"] else { throw .absent("iss") }
            guard let text = value.text else { throw .kind("iss", value.kind, needed: .text) }
            guard text == UTF8Text(issuer) else { throw .issuer }
        }
        let (groups, leftOut) = try self.groups(rules.groups)
        return VerifiedClaims(
            user: try self.user(rules.user),
            groups: groups,
            groupsLeftOut: leftOut,
            permissions: try self.permissions(rules.permissions),
            expiresAt: expiry + Rules.leeway,
            all: self.claims
        )
    }

    /// A NumericDate (RFC 7519 section 2): seconds since 1970, possibly with a fraction.
    /// - Returns: milliseconds; nil when the claim is absent.
    private func time(_ name: String) throws(TokenError) -> Int64? {
        guard let value = self.claims[UTF8Text(name)] else { return nil }
        guard case .number(let seconds) = value else { throw .kind(name, value.kind, needed: .number) }
        guard (0..<253_402_300_800).contains(seconds) else { throw .invalidTime(name) }
        return Int64(seconds * 1000)
    }

    private func checkAudience(_ audience: String?) throws(TokenError) {
        guard let value = self.claims["aud"] else {
            guard audience == nil else { throw .absent("aud") }
            return
        }
        guard let audience else { throw .unexpectedAudience }
        guard let names = value.texts else { throw .kind("aud", value.kind, needed: .text) }
        guard names.contains(UTF8Text(audience)) else { throw .audience }
    }

    private func user(_ path: ClaimPath) throws(TokenError) -> AudienceName {
        guard let value = path.value(in: self.claims) else { throw .absent(path.description) }
        guard let text = value.text else { throw .kind(path.description, value.kind, needed: .text) }
        guard let user = AudienceName(text) else { throw .invalidUser(path.description) }
        return user
    }

    /// Values that are not valid group names may be meant for other services. They are counted, and do not make the token
    /// invalid.
    private func groups(_ path: ClaimPath) throws(TokenError) -> (groups: Set<AudienceName>, leftOut: Int) {
        guard let value = path.value(in: self.claims) else { return ([], 0) }
        guard let names = value.texts else { throw .kind(path.description, value.kind, needed: .list) }
        var groups: Set<AudienceName> = []
        var leftOut = 0
        for text in names {
            guard let group = text.flatMap({ AudienceName($0) }),
                groups.contains(group) || GroupLimits.standard.hasRoom(for: group, in: groups)
            else {
                leftOut += 1
                continue
            }
            groups.insert(group)
        }
        return (groups, leftOut)
    }

    /// Claims may be strings with permissions separated by spaces, or lists. Unknown permissions are ignored.
    private func permissions(_ paths: [ClaimPath]) throws(TokenError) -> Set<Permission> {
        var permissions: Set<Permission> = []
        for path in paths {
            guard let value = path.value(in: self.claims) else { continue }
            guard let texts = value.texts else {
                // A claim that the operator has not configured may have another service's format.
                if ClaimPath.permissions.contains(path) { continue }
                throw .kind(path.description, value.kind, needed: .list)
            }
            let words =
                value.kind == .text
                ? texts.flatMap { $0?.split(separator: UInt8(ascii: " ")) ?? [] } : texts.compactMap(\.self)
            permissions.formUnion(words.compactMap { Permission($0) })
        }
        return permissions
    }
}

extension JSONValue {
    /// A string as a list of one, or the elements of a list (nil for elements that are not strings). Nil for every other value.
    fileprivate var texts: [UTF8Text?]? {
        switch self {
        case .text(let text): [text]
        case .list(let elements): elements.map(\.text)
        default: nil
        }
    }
}
