import NIOCore
import VolaryBackplane
import VolaryProtocol

/// What a token says (RFC 7519), before anybody has looked whether it may be said.
struct TokenClaims: Hashable {
    /// What a node asks of its tokens, and where they say who somebody is.
    struct Rules: Sendable {
        /// Nil: tokens have none. RFC 7519 section 4.1.3: one that has is meant for somebody else.
        var audience: String?
        /// Nil: any.
        var issuer: String?
        var user = ClaimPath.user
        var groups = ClaimPath.groups
        /// All of them count.
        var permissions = ClaimPath.permissions
        /// How far the clocks of issuer and node may be apart: 5 s.
        static let leeway: Int64 = 5000
    }

    /// What comes of a good token.
    struct VerifiedClaims: Hashable, Sendable {
        let user: AudienceName
        let groups: Set<AudienceName>
        /// Groups of the token that are not in `groups`: no names, or more than a connection may be in.
        let groupsLeftOut: Int
        let permissions: Set<Permission>
        /// Milliseconds since 1970, UTC; with the leeway.
        let expiresAt: Int64
    }

    private let claims: JSONValue

    /// - Parameter payload: of a token whose signature holds; no more than ``TokenVerifier/maximumBytes``.
    init(payload: ByteBuffer) throws(TokenError) {
        guard let claims = try? JSONValue(parsing: payload), claims.kind == .object else { throw .payload }
        self.claims = claims
    }

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
            expiresAt: expiry + Rules.leeway
        )
    }

    /// RFC 7519 section 2: seconds since 1970, which need not be whole.
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

    /// What cannot be a group here is somebody else's business, and keeps nobody out.
    private func groups(_ path: ClaimPath) throws(TokenError) -> (groups: Set<AudienceName>, leftOut: Int) {
        guard let value = path.value(in: self.claims) else { return ([], 0) }
        guard let names = value.texts else { throw .kind(path.description, value.kind, needed: .list) }
        var groups: Set<AudienceName> = []
        var leftOut = 0
        for text in names {
            guard let group = text.flatMap({ AudienceName($0) }),
                groups.contains(group) || PresenceLimits.hasRoom(for: group, in: groups)
            else {
                leftOut += 1
                continue
            }
            groups.insert(group)
        }
        return (groups, leftOut)
    }

    /// Texts with blanks between the permissions, or lists of them. What other services make of a token is theirs.
    private func permissions(_ paths: [ClaimPath]) throws(TokenError) -> Set<Permission> {
        var permissions: Set<Permission> = []
        for path in paths {
            guard let value = path.value(in: self.claims) else { continue }
            guard let texts = value.texts else {
                // One that the operator has not named may be of another service's form.
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
    /// A text as a list of one, or the elements of a list, nil for those that are no texts; nil for every other value.
    fileprivate var texts: [UTF8Text?]? {
        switch self {
        case .text(let text): [text]
        case .list(let elements): elements.map(\.text)
        default: nil
        }
    }
}
