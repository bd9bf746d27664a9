import Crypto
import Foundation
import VolaryProtocol

/// `ce-signature`: proves to a handler that an event comes from a server that has the access key.
enum EventSignature {
    /// - Parameters:
    ///   - connection: id of the connection.
    ///   - keys: the primary one first.
    /// - Returns: for each key `sha256=` and HMAC-SHA256 of the id in hex, separated by commas.
    static func text(of connection: String, keys: [AccessKey]) -> String {
        keys.map { key in
            let code = HMAC<SHA256>.authenticationCode(
                for: Data(connection.utf8),
                using: SymmetricKey(data: Data(key.text.utf8))
            )
            return "sha256=\(Hex.encode(code))"
        }.joined(separator: ",")
    }
}
