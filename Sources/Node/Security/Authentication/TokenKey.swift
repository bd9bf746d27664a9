import Foundation
import JWTKit
import VolaryProtocol

/// A key that tokens may be signed with: a secret, or the public half of a pair. It stands for one algorithm, whatever a token says.
struct TokenKey: Sendable {
    enum Algorithm: String, Sendable {
        case hs256 = "HS256"
        case rs256 = "RS256"
        case es256 = "ES256"
    }

    /// Of a secret, in bytes: as many as the hash has (RFC 7518 section 3.2).
    static let minimumSecretBytes = 32

    let algorithm: Algorithm
    /// As in a key set; nil: the key may be that of any token.
    let id: UTF8Text?
    /// The library's collection is an actor; it takes its one key here.
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

    /// - Returns: whether the token's signature is this key's. What the token says is not looked at.
    func hasSigned(_ token: TokenParts) async -> Bool {
        guard let algorithm = try? await self.keys.value.getKey() else { return false }
        return (try? algorithm.verify(token.signature, signs: token.signed)) ?? false
    }
}
