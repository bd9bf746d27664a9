import Foundation
import JWTKit
import VolaryProtocol

/// A key to verify tokens: a secret, or a public key. The key decides the algorithm, never the token.
struct TokenKey: Sendable {
    enum Algorithm: String, Sendable {
        case hs256 = "HS256"
        case rs256 = "RS256"
        case es256 = "ES256"
    }

    /// Shortest secret, in bytes: the length of the hash (RFC 7518 section 3.2).
    static let minimumSecretBytes = 32

    let algorithm: Algorithm
    /// The key's `kid` in a key set; nil: the key may verify any token.
    let id: UTF8Text?
    /// The library's collection is an actor; the task adds this one key to it.
    private let keys: Task<JWTKeyCollection, Never>

    /// - Parameter secret: at least ``minimumSecretBytes``.
    init(secret: [UInt8]) {
        precondition(secret.count >= Self.minimumSecretBytes)
        self.algorithm = .hs256
        self.id = nil
        let key = HMACKey(from: secret)
        self.keys = Task { await JWTKeyCollection().add(hmac: key, digestAlgorithm: .sha256) }
    }

    init(_ key: Insecure.RSA.PublicKey, id: UTF8Text? = nil) {
        self.algorithm = .rs256
        self.id = id
        self.keys = Task { await JWTKeyCollection().add(rsa: key, digestAlgorithm: .sha256) }
    }

    init(_ key: ES256PublicKey, id: UTF8Text? = nil) {
        self.algorithm = .es256
        self.id = id
        self.keys = Task { await JWTKeyCollection().add(ecdsa: key) }
    }

    /// - Returns: whether the token's signature is valid for this key. The claims are not checked.
    func hasSigned(_ token: TokenParts) async -> Bool {
        guard let algorithm = try? await self.keys.value.getKey() else { return false }
        return (try? algorithm.verify(token.signature, signs: token.signed)) ?? false
    }
}
