import Foundation
import VolaryProtocol

extension ConfigurationLoader {
    func access() throws(ConfigurationError) -> AccessConfiguration {
        AccessConfiguration(
            apiKey: try self.apiKey(),
            apiKeys: try self.file(.apiKeys, rule: APIKey.fileRule, APIKey.parse),
            tokenKeys: [
                try self.file(.jwtKey, rule: TokenKeyFile.keyRule, TokenKeyFile.parse),
                try self.file(.jwks, rule: TokenKeySet.rule, TokenKeySet.parse, problem: TokenKeySet.problem),
            ].compactMap { $0 },
            tokenRules: TokenClaims.Rules(
                audience: try self.optional(.jwtAudience, allowed: "a text") { $0.isEmpty ? nil : $0 },
                issuer: try self.optional(.jwtIssuer, allowed: "a text") { $0.isEmpty ? nil : $0 },
                user: try self.claim(.jwtUserClaim) ?? .user,
                groups: try self.claim(.jwtGroupsClaim) ?? .groups,
                permissions: try self.claim(.jwtPermissionsClaim).map { [$0] } ?? ClaimPath.permissions
            ),
            acceptsAnonymousClients: try self.isOn(.anonymousClients),
            accessKeys: try self.accessKeys(),
            origins: try self.origins(.allowedOrigins),
            isInsecure: try self.isOn(.insecure)
        )
    }

    /// Which clients' messages are relayed to all clients. Default: all on an open node, `permitted` with token keys, `off` with
    /// REST keys only.
    func clientMessages() throws(ConfigurationError) -> ClientMessages {
        let chosen = try self.optional(.clientMessages, allowed: "all, permitted or off") { ClientMessages(rawValue: $0) }
        guard chosen != .permitted || self.acceptsTokens else {
            throw ConfigurationError(
                option: ConfigurationOption.clientMessages.rawValue,
                value: chosen?.rawValue,
                allowed: "needs --jwt-key or --jwks, because only tokens carry permissions"
            )
        }
        return chosen ?? (self.acceptsTokens ? .permitted : self.acceptsKeys ? .off : .all)
    }

    /// Announcements per second; nil: none. Default: 10 on an open node, none when credentials are configured.
    func announcements() throws(ConfigurationError) -> Int? {
        guard self.value(.announcementsPerSecond) != nil else { return self.acceptsTokens || self.acceptsKeys ? nil : 10 }
        return try self.valueUnlessOff(.announcementsPerSecond) { orOff throws(ConfigurationError) in
            try self.integer(.announcementsPerSecond, 0...1000, or: orOff)
        }
    }

    private var acceptsTokens: Bool { self.value(.jwtKey) != nil || self.value(.jwks) != nil }

    private var acceptsKeys: Bool {
        [.apiKey, .apiKeys, .accessKey, .accessKeys].contains { self.value($0) != nil }
    }

    private func claim(_ option: ConfigurationOption) throws(ConfigurationError) -> ClaimPath? {
        try self.optional(option, allowed: ClaimPath.rule) { ClaimPath($0) }
    }

    private func apiKey() throws(ConfigurationError) -> APIKey? {
        guard let text = self.value(.apiKey) else { return nil }
        guard let key = APIKey(text, permissions: Permission.forREST) else {
            let (least, most) = (APIKey.lengths.lowerBound, APIKey.lengths.upperBound)
            throw ConfigurationError(
                option: ConfigurationOption.apiKey.rawValue,
                value: nil,
                allowed: "must be \(least) to \(most) visible ASCII characters"
            )
        }
        return key
    }

    private func accessKeys() throws(ConfigurationError) -> AccessKeys? {
        let key = self.value(.accessKey).map { AccessKey(UTF8Text($0)) }
        guard key != .some(nil) else {
            throw ConfigurationError(option: ConfigurationOption.accessKey.rawValue, value: nil, allowed: AccessKey.rule)
        }
        let hosts = try self.optional(.publicHosts, allowed: AccessKeys.hostsRule, AccessKeys.hosts)
        let file = try self.file(.accessKeys, rule: AccessKeys.fileRule, AccessKeys.parse)
        return AccessKeys(key: key ?? nil, file: file, publicHosts: hosts)
    }

    private func file<Content: Sendable>(
        _ option: ConfigurationOption,
        rule: String,
        _ parse: @escaping @Sendable (Data) -> Content?,
        problem: @escaping @Sendable (Data) -> String? = { _ in nil }
    ) throws(ConfigurationError) -> ReloadableFile<Content>? {
        guard let path = self.value(option) else { return nil }
        return try ReloadableFile(option, path: path, rule: rule, parse: parse, problem: problem)
    }

    /// Protected mode: refuses to listen on an address that other machines can reach without credentials, unless `--insecure` is
    /// set.
    static func checkProtection(_ configuration: NodeConfiguration) throws(ConfigurationError) {
        let access = configuration.access
        guard !access.isProtected, !access.isInsecure, !AccessConfiguration.isLoopback(configuration.host) else { return }
        throw ConfigurationError(
            option: ConfigurationOption.host.rawValue,
            value: configuration.host,
            allowed: """
                other machines can reach this address: set --api-key, --api-keys, --jwt-key or --jwks for REST, and --jwt-key, --jwks or \
                --anonymous-clients for WebSockets; or --access-keys for Web PubSub only; or --insecure
                """
        )
    }
}
