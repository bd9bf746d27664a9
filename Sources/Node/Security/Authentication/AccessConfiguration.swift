import Logging

/// The operator's settings for REST callers and clients: credentials and origins.
struct AccessConfiguration: Sendable {
    var apiKey: APIKey?
    var apiKeys: ReloadableFile<[APIKey]>?
    /// The files of `--jwt-key` and `--jwks`; empty: no tokens.
    var tokenKeys: [ReloadableFile<TokenKeys>] = []
    var tokenRules = TokenClaims.Rules()
    var acceptsAnonymousClients = false
    /// The keys of Web PubSub's clients and callers; nil: its endpoints are closed.
    var accessKeys: AccessKeys?
    /// Origins that may open WebSockets besides the node's own; nil: none.
    var origins: AllowedOrigins?
    /// Whether the node may listen on any address without credentials.
    var isInsecure = false

    /// Whether the node may listen on a non-loopback address: REST has credentials, and clients have some or are explicitly
    /// anonymous.
    var isProtected: Bool {
        self.hasCredentials && (!self.tokenKeys.isEmpty || self.accessKeys != nil || self.acceptsAnonymousClients)
    }

    /// Whether any credentials are configured. They close REST, also if they cannot open it. Without them the node is open, except for
    /// Web PubSub.
    var hasCredentials: Bool {
        self.apiKey != nil || self.apiKeys != nil || !self.tokenKeys.isEmpty || self.accessKeys != nil
    }

    /// - Parameter now: milliseconds since 1970, UTC.
    func tokens(now: @escaping @Sendable () -> Int64) -> TokenVerifier? {
        self.tokenKeys.isEmpty ? nil : TokenVerifier(files: self.tokenKeys, rules: self.tokenRules, now: now)
    }

    /// Logs the keys of the key set that cannot be used.
    func logUnusableKeys(logger: Logger) {
        for file in self.tokenKeys { file.content.logUnusable(of: file.option, logger: logger) }
    }

    /// One closure per file, which reads it again.
    var reloads: [@Sendable (Logger) -> Void] {
        let keys: [@Sendable (Logger) -> Void] = self.apiKeys.map { file in [{ file.reload(logger: $0) }] } ?? []
        let accessKeys: [@Sendable (Logger) -> Void] = self.accessKeys?.file.map { file in [{ file.reload(logger: $0) }] } ?? []
        return keys + accessKeys
            + self.tokenKeys.map { file in
                { logger in
                    if file.reload(logger: logger) { file.content.logUnusable(of: file.option, logger: logger) }
                }
            }
    }

    /// Whether only this machine can connect to `host`: `localhost`, `::1` or an address in 127.0.0.0/8. No other names are
    /// resolved.
    static func isLoopback(_ host: String) -> Bool {
        if host == "localhost" || host == "::1" { return true }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
    }
}
