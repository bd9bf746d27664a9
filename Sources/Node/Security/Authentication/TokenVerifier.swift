import Logging
import VolaryProtocol

/// Decides whether a token is good: its form, its signature by one of the node's keys, its claims.
struct TokenVerifier: Sendable {
    /// Of a whole token: 16 KiB, as a request's header may have by default. Entra ID lists up to 200 groups, which are 11 KB.
    static let maximumBytes = 16 * 1024
    /// Keys that are tried for one token: 16. One with a key's id is tried with that one first.
    static let maximumTries = 16

    let files: [ReloadableFile<TokenKeys>]
    let rules: TokenClaims.Rules
    /// Milliseconds since 1970, UTC.
    let now: @Sendable () -> Int64

    func verify(_ token: String) async throws(TokenError) -> TokenClaims.VerifiedClaims {
        let token = try TokenParts(token)
        guard !token.hasExtensions else { throw .extensions }
        for key in self.keys(for: token) where await key.hasSigned(token) {
            return try TokenClaims(payload: token.payload).verify(self.rules, now: self.now())
        }
        throw .signature
    }

    /// The key's algorithm is the one that is used: what the token says can only rule the key out. A key that has an id signs only tokens
    /// that name it, or none.
    private func keys(for token: TokenParts) -> some Sequence<TokenKey> {
        let keys = self.files.flatMap(\.content.keys).filter { key in
            UTF8Text(key.algorithm.rawValue) == token.algorithm && (key.id == nil || token.keyID == nil || key.id == token.keyID)
        }
        let named = keys.filter { $0.id != nil && $0.id == token.keyID }
        let others = keys.filter { $0.id == nil || $0.id != token.keyID }
        return (named + others).prefix(Self.maximumTries)
    }
}
