public import Foundation
import JWTKit
import NIOCore
import VolaryProtocol

/// Creates test tokens for `volary token`.
public enum TokenIssuer {
    public struct Failure: Error, CustomStringConvertible {
        public let description: String
    }

    /// The claims of the token.
    public struct Request: Sendable {
        public var user: String
        public var groups: [String]
        public var permissions: [String]
        public var audience: String?
        public var issuer: String?
        /// Such as `1h`.
        public var expiresIn: String
        public var keyID: String?
        /// The node's `--jwt-user-claim`; nil: its default.
        public var userClaim: String?
        public var groupsClaim: String?
        public var permissionsClaim: String?

        public init(
            user: String,
            groups: [String] = [],
            permissions: [String] = [],
            audience: String? = nil,
            issuer: String? = nil,
            expiresIn: String = "1h",
            keyID: String? = nil,
            userClaim: String? = nil,
            groupsClaim: String? = nil,
            permissionsClaim: String? = nil
        ) {
            self.user = user
            self.groups = groups
            self.permissions = permissions
            self.audience = audience
            self.issuer = issuer
            self.expiresIn = expiresIn
            self.keyID = keyID
            self.userClaim = userClaim
            self.groupsClaim = groupsClaim
            self.permissionsClaim = permissionsClaim
        }
    }

    /// - Parameters:
    ///   - key: content of a file: a secret on its first line, or a private key in PEM (RSA, P-256).
    ///   - now: start of the token's lifetime.
    /// - Throws: ``Failure`` for an invalid key, and for claims that a node would refuse.
    public static func token(_ request: Request, key: Data, now: Date = Date()) async throws -> String {
        guard let life = DurationText.parse(request.expiresIn), life > .zero else {
            throw Failure(description: "--expires-in must be a duration such as 30s, 10m or 1h")
        }
        let permissions = request.permissions
        guard permissions.allSatisfy({ Permission(rawValue: $0) != nil }) else {
            throw Failure(
                description: "--permission must be one of \(Permission.allCases.map(\.rawValue).joined(separator: ", "))"
            )
        }
        for (option, names) in [("user", [request.user]), ("group", request.groups)] {
            guard let wrong = names.first(where: { AudienceName($0) == nil }) else { continue }
            throw Failure(description: "--\(option) \"\(ConfigurationError.printable(wrong))\": \(AudienceName.rule)")
        }
        let rules = TokenClaims.Rules(
            audience: request.audience,
            issuer: request.issuer,
            user: try self.path(request.userClaim, "jwt-user-claim") ?? ClaimPath.user,
            groups: try self.path(request.groupsClaim, "jwt-groups-claim") ?? ClaimPath.groups,
            permissions: try self.path(request.permissionsClaim, "jwt-permissions-claim").map { [$0] } ?? ClaimPath.permissions
        )
        let seconds = now.timeIntervalSince1970
        var claims: [JSONValue.Member] = []
        func put(_ name: String, _ value: JSONValue) { claims.append(JSONValue.Member(name: UTF8Text(name), value: value)) }
        put("exp", .number((seconds + Double(life.milliseconds) / 1000).rounded(.down)))
        if let audience = request.audience { put("aud", .text(UTF8Text(audience))) }
        if let issuer = request.issuer { put("iss", .text(UTF8Text(issuer))) }
        rules.user.put(.text(UTF8Text(request.user)), into: &claims)
        if !request.groups.isEmpty { rules.groups.put(.list(request.groups.map { .text(UTF8Text($0)) }), into: &claims) }
        if !permissions.isEmpty { rules.permissions[0].put(.list(permissions.map { .text(UTF8Text($0)) }), into: &claims) }
        let payload = JSONBody.encode(JSONValue.object(claims))
        let leftOut: Int
        do throws(TokenError) {
            leftOut = try TokenClaims(payload: payload).verify(rules, now: Int64(seconds * 1000)).groupsLeftOut
        } catch {
            throw Failure(description: error.text)
        }
        guard leftOut == 0 else { throw Failure(description: "--group: a node would ignore \(leftOut) of the groups") }
        return try await self.sign(payload, self.keys(key), id: request.keyID)
    }

    private static func path(_ text: String?, _ option: String) throws -> ClaimPath? {
        guard let text else { return nil }
        guard let path = ClaimPath(text) else { throw Failure(description: "--\(option) must be \(ClaimPath.rule)") }
        return path
    }

    private static func sign(_ payload: ByteBuffer, _ keys: JWTKeyCollection, id: String?) async throws -> String {
        let algorithm = try await keys.getKey()
        var header: [JSONValue.Member] = [
            .init(name: "alg", value: .text(UTF8Text(algorithm.name))), .init(name: "typ", value: .text("JWT")),
        ]
        if let id { header.append(.init(name: "kid", value: .text(UTF8Text(id)))) }
        let head = JSONBody.encode(JSONValue.object(header))
        let signed = "\(Base64URL.encode(head.readableBytesView)).\(Base64URL.encode(payload.readableBytesView))"
        return "\(signed).\(Base64URL.encode(try algorithm.sign(Data(signed.utf8))))"
    }

    /// Signs with the UTF-8 bytes of an access key.
    static func sign(_ payload: ByteBuffer, with key: AccessKey) async throws -> String {
        let secret = HMACKey(from: Array(key.text.utf8))
        return try await self.sign(payload, JWTKeyCollection().add(hmac: secret, digestAlgorithm: .sha256), id: nil)
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
