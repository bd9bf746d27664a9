import Foundation
import Logging

/// Decides whether a token is good: its form, its signature by one of the node's keys, its claims.
struct TokenVerifier: Sendable {
    /// Of a whole token: 8 KiB, half of what a request's header may have by default.
    static let maximumBytes = 8 * 1024

    private struct Header: Decodable {
        let alg: String
        let kid: String?
        /// RFC 7515 section 4.1.11: extensions that must be understood. None is.
        let crit: [String]?
    }

    let files: [ReloadableFile<[TokenKey]>]
    let rules: TokenClaims.Rules
    /// Milliseconds since 1970, UTC.
    let now: @Sendable () -> Int64

    func grant(for token: String) async throws(TokenFault) -> TokenClaims.Grant {
        let header = try Self.header(of: token)
        guard header.crit == nil else { throw .signature }
        for key in self.files.flatMap(\.content) where Self.mayHaveSigned(key, header) {
            guard let claims = await key.claims(of: token) else { continue }
            return try claims.grant(self.rules, now: self.now())
        }
        throw .signature
    }

    /// The key's algorithm is the one that is used: what the token says can only rule the key out. A key that has an id signs only tokens
    /// that name it, or none.
    private static func mayHaveSigned(_ key: TokenKey, _ header: Header) -> Bool {
        key.algorithm.rawValue == header.alg && (key.id == nil || header.kid == nil || key.id == header.kid)
    }

    private static func header(of token: String) throws(TokenFault) -> Header {
        guard token.utf8.count <= self.maximumBytes else { throw .malformed }
        let parts = token.split(separator: ".", omittingEmptySubsequences: false)
        // Only what can be decoded goes on to the library, which takes what it cannot decode for nothing at all.
        guard parts.count == 3, parts.allSatisfy({ Base64URL.decode($0) != nil }), let data = Base64URL.decode(parts[0]),
            let header = try? JSONDecoder().decode(Header.self, from: data)
        else { throw .malformed }
        return header
    }
}
