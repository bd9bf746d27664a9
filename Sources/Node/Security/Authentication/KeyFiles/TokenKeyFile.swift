import Foundation
import JWTKit
import SwiftASN1

/// Parses the file of `--jwt-key`: PEM, or secrets. ``TokenKeySet`` parses key sets.
enum TokenKeyFile {
    /// Keys in one file: as many as are tried for one token.
    static let maximumCount = TokenVerifier.maximumTries

    static let keyRule = """
        must be a file with public keys or certificates in PEM (RSA of 2048 bits or more, or P-256), or with a secret of \
        \(TokenKey.minimumSecretBytes) or more visible ASCII characters on each line; a key set in JSON belongs in --jwks
        """

    static func parse(_ data: Data) -> TokenKeys? {
        guard let lines = KeyFileLines.of(data) else { return nil }
        let keys =
            self.isPEM(lines) ? self.publicKeys(lines) : self.secrets(lines)?.map { TokenKey(secret: Array($0.utf8)) }
        guard let keys, (1...self.maximumCount).contains(keys.count) else { return nil }
        return TokenKeys(keys: keys)
    }

    static func isPEM(_ lines: [Substring]) -> Bool { lines.contains { $0.utf8.contains("-----BEGIN".utf8) } }

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
            // A node needs no private key, so it refuses one.
            default: nil
            }
        }
        return keys?.count == documents?.count ? keys : nil
    }

    /// Binary files and JSON are refused: a public key set given by mistake must not become a secret that everyone knows. Spaces
    /// at the ends of a line are ignored; a space inside makes the file invalid.
    /// - Returns: nil unless all lines are secrets.
    static func secrets(_ lines: [Substring]) -> [Substring]? {
        let isGood = lines.allSatisfy { line in
            line.utf8.count >= TokenKey.minimumSecretBytes && line.utf8.allSatisfy { (0x21...0x7E).contains($0) }
                && !self.isJSON(line)
        }
        return isGood ? lines : nil
    }

    /// Whether a line begins like a JSON object or a list of objects, including a file that is only partly written. A random
    /// secret begins like that once in several thousand cases.
    static func isJSON(_ line: Substring) -> Bool {
        [#"{""#, "[{"].contains { line.utf8.starts(with: $0.utf8) }
    }
}
