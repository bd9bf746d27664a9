import Logging
import VolaryProtocol

/// Verifies tokens: format, signature by one of the node's keys, and claims.
struct TokenVerifier: Sendable {
    /// Longest token: 16 KiB, the default limit of a request's header. Entra ID lists up to 200 groups, about 11 KB.
    static let maximumBytes = 16 * 1024
    /// Keys that are tried for one token: 16, those with the token's key id first.
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

    /// The keys whose algorithm is the token's `alg`. A key with an id is tried only for tokens with that id or without one.
    private func keys(for token: TokenParts) -> some Sequence<TokenKey> {
        let keys = self.files.flatMap(\.content.keys).filter { key in
            UTF8Text(key.algorithm.rawValue) == token.algorithm && (key.id == nil || token.keyID == nil || key.id == token.keyID)
        }
        let named = keys.filter { $0.id != nil && $0.id == token.keyID }
        let others = keys.filter { $0.id == nil || $0.id != token.keyID }
        return (named + others).prefix(Self.maximumTries)
    }
}
