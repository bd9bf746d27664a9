import Foundation
import JWTKit
import SwiftASN1

/// The files that ``TokenKey``s come from: PEM, or secrets. Key sets are read by ``TokenKeySet``.
enum TokenKeyFile {
    /// In one file: as many may have to be tried for one token.
    static let maximumCount = TokenVerifier.maximumTries

    static let keyRule = """
        must be a file with public keys or certificates in PEM (RSA of 2048 bits or more, or P-256), or with a secret of \
        \(TokenKey.minimumSecretBytes) or more visible ASCII characters on each line, which JSON is not (--jwks)
        """

    static func parse(_ data: Data) -> TokenKeys? {
        guard let lines = KeyFileLines.of(data) else { return nil }
        let keys =
            self.isPEM(lines) ? self.publicKeys(lines) : self.secrets(lines)?.map { TokenKey(secret: Array($0.utf8)) }
        guard let keys, (1...self.maximumCount).contains(keys.count) else { return nil }
        return TokenKeys(keys: keys)
    }

    static func isPEM(_ lines: [Substring]) -> Bool { lines.contains { $0.contains("-----BEGIN") } }

    private static func publicKeys(_ lines: [Substring]) -> [TokenKey]? {
        let documents = try? PEMDocument.parseMultiple(pemString: lines.joined(separator: "\n") + "\n")
        let keys = documents?.compactMap { document -> TokenKey? in
            let text = document.pemString
            return switch document.discriminator {
            case "PUBLIC KEY":
                (try? Insecure.RSA.PublicKey(pem: text)).map { TokenKey($0) }
                    ?? (try? ES256PublicKey(pem: text)).map { TokenKey($0) }
            case "CERTIFICATE":
                (try? Insecure.RSA.PublicKey(certificatePEM: text)).map { TokenKey($0) }
                    ?? (try? ES256PublicKey(certificate: text)).map { TokenKey($0) }
            // A private key has no business on a node.
            default: nil
            }
        }
        return keys?.count == documents?.count ? keys : nil
    }

    /// Binary files and JSON are no secrets: who names the wrong file, a key set of public keys, must not end up with a key that everybody knows.
    /// A space at an end is a slip of the editor and no part of a secret; one inside makes the file bad.
    /// - Returns: nil unless all lines are secrets.
    static func secrets(_ lines: [Substring]) -> [Substring]? {
        let isGood = lines.allSatisfy { line in
            line.utf8.count >= TokenKey.minimumSecretBytes && line.utf8.allSatisfy { (0x21...0x7E).contains($0) }
                && !self.isJSON(line)
        }
        return isGood ? lines : nil
    }

    /// Whether it begins as an object does, or a list of them: also one that is cut off, as while a file is written, is no secret. A secret that
    /// somebody has made up by chance begins so once in thousands of times.
    private static func isJSON(_ line: Substring) -> Bool {
        [#"{""#, "[{"].contains { line.utf8.starts(with: $0.utf8) }
    }
}
