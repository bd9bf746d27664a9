public import Foundation
import JWTKit
import Protocol

/// Makes tokens, for trials: `volary token`.
public enum TokenMint {
    public struct Failure: Error, CustomStringConvertible {
        public let description: String
    }

    /// What the token is to say.
    public struct Request: Sendable {
        public var user: String
        public var groups: [String]
        public var permissions: [String]
        public var audience: String?
        public var issuer: String?
        /// Such as `1h`.
        public var expiresIn: String
        public var keyID: String?

        public init(
            user: String,
            groups: [String] = [],
            permissions: [String] = [],
            audience: String? = nil,
            issuer: String? = nil,
            expiresIn: String = "1h",
            keyID: String? = nil
        ) {
            self.user = user
            self.groups = groups
            self.permissions = permissions
            self.audience = audience
            self.issuer = issuer
            self.expiresIn = expiresIn
            self.keyID = keyID
        }
    }

    /// - Parameters:
    ///   - key: of a file: a secret on its first line, or a private key in PEM (RSA, P-256).
    ///   - now: from which the token's life is counted.
    /// - Throws: ``Failure`` for a key that is none, and for what a node would not take.
    public static func token(_ request: Request, key: Data, now: Date = Date()) async throws -> String {
        guard let life = DurationText.parse(request.expiresIn), life > .zero else {
            throw Failure(description: "--expires-in must be a time such as 30s, 10m or 1h")
        }
        let permissions = request.permissions
        guard permissions.allSatisfy({ Permission(rawValue: $0) != nil }) else {
            throw Failure(
                description: "--permission must be one of \(Permission.allCases.map(\.rawValue).joined(separator: ", "))"
            )
        }
        for (option, names) in [("user", [request.user]), ("group", request.groups)] {
            guard let wrong = names.first(where: { Name($0) == nil }) else { continue }
            throw Failure(description: "--\(option) \"\(ConfigurationError.printable(wrong))\": \(Name.rule)")
        }
        let seconds = now.timeIntervalSince1970
        let claims = TokenClaims(
            sub: request.user,
            exp: (seconds + Double(life.milliseconds) / 1000).rounded(.down),
            aud: request.audience.map { TokenClaims.Audiences([$0]) },
            iss: request.issuer,
            groups: request.groups.isEmpty ? nil : request.groups,
            permissions: permissions.isEmpty ? nil : permissions
        )
        do throws(TokenFault) {
            let rules = TokenClaims.Rules(audience: request.audience, issuer: request.issuer)
            _ = try claims.grant(rules, now: Int64(seconds * 1000))
        } catch {
            throw Failure(description: error.text)
        }
        return try await self.keys(key).sign(claims, header: request.keyID.map { ["kid": .string($0)] } ?? [:])
    }

    private static func keys(_ data: Data) async throws -> JWTKeyCollection {
        let keys = JWTKeyCollection()
        let lines = KeyFileLines.of(data) ?? []
        if TokenKeyFile.isPEM(lines) {
            let text = lines.joined(separator: "\n") + "\n"
            if let key = try? Insecure.RSA.PrivateKey(pem: text) { return await keys.add(rsa: key, digestAlgorithm: .sha256) }
            if let key = try? ES256PrivateKey(pem: text) { return await keys.add(ecdsa: key) }
        } else if let secret = TokenKeyFile.secrets(lines)?.first {
            return await keys.add(hmac: HMACKey(from: secret), digestAlgorithm: .sha256)
        }
        throw Failure(
            description: """
                --jwt-key or VOLARY_JWT_KEY must be a file with a secret of \(TokenKey.minimumSecretBytes) or more visible ASCII characters, or with a private \
                key in PEM: RSA of 2048 bits or more, or P-256
                """
        )
    }
}
