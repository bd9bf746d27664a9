import Foundation
import NIOCore
import VolaryProtocol

/// The parts of a token (RFC 7515 section 7.1), before any of them is verified.
struct TokenParts {
    /// The token's `alg`. It only excludes keys, and never selects an algorithm.
    let algorithm: UTF8Text
    /// `kid`.
    let keyID: UTF8Text?
    /// Whether the header has `crit` (RFC 7515 section 4.1.11).
    let hasExtensions: Bool
    /// Header and payload as sent, which the signature covers.
    let signed: Data
    let payload: ByteBuffer
    let signature: Data

    /// - Throws: ``TokenError/malformed``.
    init(_ token: String) throws(TokenError) {
        guard token.utf8.count <= TokenVerifier.maximumBytes else { throw .malformed }
        let parts = token.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 3, let head = Base64URL.decode(Substring(parts[0])),
            let payload = Base64URL.decode(Substring(parts[1])), let signature = Base64URL.decode(Substring(parts[2])),
            let header = try? JSONValue(parsing: ByteBuffer(bytes: head)), let algorithm = header["alg"]?.text
        else { throw .malformed }
        let keyID = header["kid"]
        guard keyID == nil || keyID?.kind == .text else { throw .malformed }
        self.algorithm = algorithm
        self.keyID = keyID?.text
        self.hasExtensions = header["crit"] != nil
        self.signed = Data(token.utf8.prefix(parts[0].count + 1 + parts[1].count))
        self.payload = ByteBuffer(bytes: payload)
        self.signature = signature
    }
}
