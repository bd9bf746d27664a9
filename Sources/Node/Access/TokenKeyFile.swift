import Foundation
import JWTKit

/// The files that ``TokenKey``s come from.
enum TokenKeyFile {
    /// In one file: as many may have to be tried for one token.
    static let maximumCount = 16

    static let keyRule = """
        must be a file with public keys or certificates in PEM (RSA of 2048 bits or more, or P-256), or with a secret of \
        \(TokenKey.minimumSecretBytes) or more visible ASCII characters on each line
        """

    static let setRule =
        "must be a JSON Web Key Set with RSA (2048 bits or more) or P-256 keys for signatures, at most \(maximumCount)"

    // MARK: - PEM, or secrets

    static func parseKeys(_ data: Data) -> [TokenKey]? {
        guard let lines = KeyFileLines.of(data) else { return nil }
        return self.bounded(
            self.isPEM(lines) ? self.publicKeys(lines) : self.secrets(lines)?.map { TokenKey(secret: Array($0.utf8)) }
        )
    }

    static func isPEM(_ lines: [Substring]) -> Bool { lines.contains { $0.contains("-----BEGIN") } }

    private static func publicKeys(_ lines: [Substring]) -> [TokenKey]? {
        let blocks = PEMBlock.all(in: lines)
        let keys = blocks?.compactMap { block -> TokenKey? in
            switch block.label {
            case "PUBLIC KEY":
                (try? Insecure.RSA.PublicKey(pem: block.text)).map { TokenKey($0) }
                    ?? (try? ES256PublicKey(pem: block.text)).map { TokenKey($0) }
            case "CERTIFICATE":
                (try? Insecure.RSA.PublicKey(certificatePEM: block.text)).map { TokenKey($0) }
                    ?? (try? ES256PublicKey(certificate: block.text)).map { TokenKey($0) }
            // A private key has no business on a node.
            default: nil
            }
        }
        return keys?.count == blocks?.count ? keys : nil
    }

    /// Binary files and JSON are no secrets: who names the wrong file must not end up with a key that everybody knows.
    /// A space at an end is a slip of the editor and no part of a secret; one inside makes the file bad.
    /// - Returns: nil unless all lines are secrets.
    static func secrets(_ lines: [Substring]) -> [Substring]? {
        let isGood = lines.allSatisfy { line in
            line.utf8.count >= TokenKey.minimumSecretBytes && line.utf8.allSatisfy { (0x21...0x7E).contains($0) }
        }
        return isGood ? lines : nil
    }

    private static func bounded(_ keys: [TokenKey]?) -> [TokenKey]? {
        guard let keys, (1...self.maximumCount).contains(keys.count) else { return nil }
        return keys
    }

    // MARK: - Key sets (RFC 7517)

    private struct KeySet: Decodable {
        let keys: [Key]
    }

    private struct Key: Decodable {
        let kty: String
        let use: String?
        let alg: String?
        let kid: String?
        let crv: String?
        let n: String?
        let e: String?
        let x: String?
        let y: String?
    }

    /// Keys of other kinds and for other uses are left out, as section 5 says; a bad one of ours makes the file bad.
    static func parseSet(_ data: Data) -> [TokenKey]? {
        guard let set = try? JSONDecoder().decode(KeySet.self, from: data) else { return nil }
        var keys: [TokenKey] = []
        for key in set.keys where key.use ?? "sig" == "sig" {
            switch (key.kty, key.alg, key.crv) {
            case ("RSA", nil, _), ("RSA", "RS256", _):
                guard let n = key.n, let e = key.e, let rsa = try? Insecure.RSA.PublicKey(modulus: n, exponent: e) else {
                    return nil
                }
                keys.append(TokenKey(rsa, id: key.kid))
            case ("EC", nil, "P-256"), ("EC", "ES256", "P-256"):
                guard let x = key.x, let y = key.y, let ec = try? ES256PublicKey(parameters: (x, y)) else { return nil }
                keys.append(TokenKey(ec, id: key.kid))
            default: break
            }
        }
        return self.bounded(keys)
    }
}
