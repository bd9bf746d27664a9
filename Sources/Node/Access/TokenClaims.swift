import Backplane
import JWTKit
import Protocol

/// What a token says (RFC 7519), before anybody has looked whether it may be said.
struct TokenClaims: JWTPayload, Hashable {
    /// What a node asks of its tokens.
    struct Rules: Sendable {
        /// Nil: tokens have none. RFC 7519 section 4.1.3: one that has is meant for somebody else.
        var audience: String?
        /// Nil: any.
        var issuer: String?
        /// How far the clocks of issuer and node may be apart: 5 s.
        static let leeway: Int64 = 5000
    }

    /// What comes of a good token.
    struct Grant: Hashable, Sendable {
        let user: Name
        let groups: Set<Name>
        let permissions: Set<Permission>
        /// Milliseconds since 1970, UTC; with the leeway.
        let expiresAt: Int64
    }

    var sub: String?
    var exp: Double?
    var nbf: Double?
    var aud: Audiences?
    var iss: String?
    var groups: [String]?
    var permissions: [String]?
    /// RFC 8693 section 4.2: names with spaces between them.
    var scope: String?

    /// One, or a list of them.
    struct Audiences: Codable, Hashable {
        let names: [String]

        init(_ names: [String]) {
            self.names = names
        }

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            self.names = try (try? container.decode(String.self)).map { [$0] } ?? container.decode([String].self)
        }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            if self.names.count == 1 { try container.encode(self.names[0]) } else { try container.encode(self.names) }
        }
    }

    /// The library's place for checks; ours are in ``grant(_:now:)``, where the time is given.
    func verify(using _: some JWTAlgorithm) {}

    /// - Parameter now: milliseconds since 1970, UTC.
    func grant(_ rules: Rules, now: Int64) throws(TokenFault) -> Grant {
        guard let exp, let expiry = Self.milliseconds(exp) else { throw .expiry }
        guard now < expiry + Rules.leeway else { throw .expired }
        if let nbf {
            guard let start = Self.milliseconds(nbf), now >= start - Rules.leeway else { throw .notYetValid }
        }
        if let audience = rules.audience {
            guard self.aud?.names.contains(audience) == true else { throw .audience }
        } else {
            guard self.aud == nil else { throw .audience }
        }
        if let issuer = rules.issuer, self.iss != issuer { throw .issuer }
        guard let user = self.sub.flatMap({ Name($0) }) else { throw .subject }
        let groups = Set((self.groups ?? []).compactMap { Name($0) })
        guard groups.count == Set(self.groups ?? []).count, groups.count <= PresenceLimits.groupsPerConnection else {
            throw .groups
        }
        let permissions = (self.permissions ?? []) + (self.scope ?? "").split(separator: " ").map(String.init)
        return Grant(
            user: user,
            groups: groups,
            // What other services make of a token is theirs.
            permissions: Set(permissions.compactMap { Permission(rawValue: $0) }),
            expiresAt: expiry + Rules.leeway
        )
    }

    /// - Returns: nil for what is no time between 1970 and the year 10000.
    private static func milliseconds(_ seconds: Double) -> Int64? {
        (0..<253_402_300_800).contains(seconds) ? Int64(seconds * 1000) : nil
    }
}
