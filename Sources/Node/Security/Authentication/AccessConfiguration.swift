import Logging

/// Who may call and who may connect, as an operator has set it.
struct AccessConfiguration: Sendable {
    var apiKey: APIKey?
    var apiKeys: ReloadableFile<[APIKey]>?
    /// Of `--jwt-key` and `--jwks`; empty: no tokens.
    var tokenKeys: [ReloadableFile<TokenKeys>] = []
    var tokenRules = TokenClaims.Rules()
    var acceptsAnonymousClients = false
    /// Beside the node's own; nil: no other.
    var origins: AllowedOrigins?
    /// Whether everybody who reaches the node may use it, on any address.
    var isInsecure = false

    /// Whether the node may listen where others reach it: neither REST nor WebSockets are open by oversight.
    var isProtected: Bool { self.hasCredentials && (!self.tokenKeys.isEmpty || self.acceptsAnonymousClients) }

    /// Whether anybody has to say who they are. Without, the node is open, on whatever address.
    var hasCredentials: Bool { self.apiKey != nil || self.apiKeys != nil || !self.tokenKeys.isEmpty }

    /// - Parameter now: milliseconds since 1970, UTC.
    func tokens(now: @escaping @Sendable () -> Int64) -> TokenVerifier? {
        self.tokenKeys.isEmpty ? nil : TokenVerifier(files: self.tokenKeys, rules: self.tokenRules, now: now)
    }

    /// Says which keys of the key set are not used.
    func logUnusableKeys(logger: Logger) {
        for file in self.tokenKeys { file.content.logUnusable(of: file.option, logger: logger) }
    }

    /// Each reads one of the files again.
    var reloads: [@Sendable (Logger) -> Void] {
        let keys: [@Sendable (Logger) -> Void] = self.apiKeys.map { file in [{ file.reload(logger: $0) }] } ?? []
        return keys
            + self.tokenKeys.map { file in
                { logger in
                    if file.reload(logger: logger) { file.content.logUnusable(of: file.option, logger: logger) }
                }
            }
    }

    /// Whether only this machine can connect to what listens there. A name counts only if it cannot mean anything else.
    static func isLoopback(_ host: String) -> Bool {
        if host == "localhost" || host == "::1" { return true }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
    }
}
