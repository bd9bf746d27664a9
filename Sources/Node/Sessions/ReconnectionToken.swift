import Crypto
import Foundation

/// The secret with which a client resumes its connection. The session store has its digest only.
struct ReconnectionToken {
    private static let byteCount = 32

    let text: String

    /// A new token.
    init() {
        self.text = Base64URL.encode(
            SymmetricKey(size: SymmetricKeySize(bitCount: 8 * Self.byteCount)).withUnsafeBytes { Array($0) }
        )
    }

    /// What a client presents.
    init(_ text: String) {
        self.text = text
    }

    /// SHA-256.
    var digest: [UInt8] { Array(SHA256.hash(data: Data(self.text.utf8))) }
}
