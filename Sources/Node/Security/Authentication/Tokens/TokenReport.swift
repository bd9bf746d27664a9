import Foundation
import VolaryProtocol

/// What a node makes of a token of an identity provider, for the operator who wonders.
public struct TokenReport: Sendable {
    /// The token is refused, or the configuration has no keys for tokens. The reason is the one that a client gets.
    public struct Refusal: Error, CustomStringConvertible {
        public let description: String
    }

    /// One line for each of: user, groups, permissions, expiry.
    public let text: String

    public init(of token: String, for configuration: NodeConfiguration) async throws(Refusal) {
        let now = { @Sendable in Int64(Date().timeIntervalSince1970 * 1000) }
        guard let verifier = configuration.access.tokens(now: now) else {
            throw Refusal(description: "there are no keys for tokens: set --jwt-key or --jwks")
        }
        do throws(TokenError) {
            self.text = Self.text(try await verifier.verify(token))
        } catch {
            throw Refusal(description: error.text)
        }
    }

    private static func text(_ claims: TokenClaims.VerifiedClaims) -> String {
        let leftOut = claims.groupsLeftOut > 0 ? " (\(claims.groupsLeftOut) left out: no valid names, or too many)" : ""
        let groups = claims.groups.map { ConfigurationError.printable($0.text, maximumBytes: 1024) }.sorted()
        let permissions = claims.permissions.map(\.rawValue).sorted()
        let expiry = Date(timeIntervalSince1970: Double(claims.expiresAt - TokenClaims.Rules.leeway) / 1000)
        return """
            user         \(ConfigurationError.printable(claims.user.text, maximumBytes: 1024))
            groups       \(groups.isEmpty ? "-" : groups.joined(separator: ", "))\(leftOut)
            permissions  \(permissions.isEmpty ? "-" : permissions.joined(separator: ", "))
            expires      \(expiry.formatted(.iso8601))
            """
    }
}
