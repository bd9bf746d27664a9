import Crypto
import CryptoExtras
import Foundation

/// Creates JSON Web Tokens of any form, with its own keys and another library than the node's.
struct TokenForge {
    /// The key and algorithm of a signature.
    enum Signer {
        case secret
        case otherSecret
        /// HMAC with a public key as the secret: an attacker knows public keys.
        case publicKeyText
        case publicKeyBytes
        case rsa
        case otherRSA
        case rsaPSS
        case ec
        case otherEC
        /// In the DER form of X.509, which JSON Web Signatures do not use.
        case ecDER
        case bytes([UInt8])
        /// HMAC with the secret, and other values in the unused bits of the last character.
        case looseSecret
        /// HMAC with the secret, of another payload.
        case otherPayload
    }

    static let secret = "0123456789abcdef0123456789abcdef"
    static let otherSecret = "fedcba9876543210fedcba9876543210"

    private let rsa: _RSA.Signing.PrivateKey
    private let otherRSA: _RSA.Signing.PrivateKey
    private let ec = P256.Signing.PrivateKey()
    private let otherEC = P256.Signing.PrivateKey()

    init() throws {
        self.rsa = try .init(keySize: .bits2048)
        self.otherRSA = try .init(keySize: .bits2048)
    }

    /// A key set with the keys `rsa` and `ec`.
    func keySet() throws -> String {
        let entries = [
            try Self.jwk(self.rsa.publicKey, #""kid":"rsa""#),
            Self.jwk(self.ec.publicKey, #""kid":"ec""#),
        ]
        return #"{"keys":[\#(entries.joined(separator: ","))]}"#
    }

    /// The public half of ``Signer/otherRSA``, which no node has, as in a header.
    func otherKey() throws -> String { try Self.jwk(self.otherRSA.publicKey, #""kid":"rsa""#) }

    private static func jwk(_ key: _RSA.Signing.PublicKey, _ members: String) throws -> String {
        let numbers = try key.getKeyPrimitives()
        return #"{"kty":"RSA",\#(members),"n":"\#(self.encode(numbers.modulus))","e":"\#(self.encode(numbers.publicExponent))"}"#
    }

    private static func jwk(_ key: P256.Signing.PublicKey, _ members: String) -> String {
        let point = key.rawRepresentation
        return
            #"{"kty":"EC","crv":"P-256",\#(members),"x":"\#(self.encode(point.prefix(32)))","y":"\#(self.encode(point.suffix(32)))"}"#
    }

    /// - Parameters:
    ///   - header: JSON, or any text.
    ///   - claims: JSON, or any text; each scalar up to U+00FF is one byte.
    func token(_ header: String, _ claims: String, _ signer: Signer) throws -> String {
        let signed = Self.encode(Data(Exchange.bytes(header))) + "." + Self.encode(Data(Exchange.bytes(claims)))
        let signature = Self.encode(try self.signature(of: Data(signed.utf8), signer))
        guard case .looseSecret = signer else { return "\(signed).\(signature)" }
        // Only two bits of the last of 43 characters are used. The others are zero in a valid signature.
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
        let last = signature.last.flatMap(alphabet.firstIndex) ?? 0
        return "\(signed).\(signature.dropLast())\(alphabet[last ^ 1])"
    }

    private func signature(of data: Data, _ signer: Signer) throws -> Data {
        switch signer {
        case .secret, .looseSecret: Self.hmac(data, Data(Self.secret.utf8))
        case .otherSecret: Self.hmac(data, Data(Self.otherSecret.utf8))
        case .publicKeyText: Self.hmac(data, Data(self.rsa.publicKey.pemRepresentation.utf8))
        case .publicKeyBytes: Self.hmac(data, self.rsa.publicKey.derRepresentation)
        case .rsa: try self.rsa.signature(for: data, padding: .insecurePKCS1v1_5).rawRepresentation
        case .otherRSA: try self.otherRSA.signature(for: data, padding: .insecurePKCS1v1_5).rawRepresentation
        case .rsaPSS: try self.rsa.signature(for: data, padding: .PSS).rawRepresentation
        case .ec: try self.ec.signature(for: data).rawRepresentation
        case .otherEC: try self.otherEC.signature(for: data).rawRepresentation
        case .ecDER: try self.ec.signature(for: data).derRepresentation
        case .bytes(let bytes): Data(bytes)
        case .otherPayload: Self.hmac(data + Data("x".utf8), Data(Self.secret.utf8))
        }
    }

    private static func hmac(_ data: Data, _ key: Data) -> Data {
        Data(HMAC<SHA256>.authenticationCode(for: data, using: SymmetricKey(data: key)))
    }

    static func encode(_ data: some DataProtocol) -> String {
        Data(data).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }
}
