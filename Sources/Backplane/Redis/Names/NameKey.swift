import Crypto
import VolaryProtocol

/// The encoded name of a user or a group, for Redis' keys, channels and index entries.
///
/// Each name has one key, and no two names have the same key:
///
/// - Letters, digits and `- . _ ~ @ : + =` are not changed; every other byte is percent-encoded (RFC 3986 section 2.1, capital
///   digits). A key therefore has no `/`, brace, blank or control character, so these can separate keys.
/// - If that is longer than ``maximumBytes``, the key is `#` and the SHA-256 of the name in 64 lower-case hex digits. No other
///   key contains `#`.
struct NameKey: Hashable, Sendable, CustomStringConvertible {
    /// Maximum size of a key that is not hashed: 256 bytes. Longer keys would take more memory in Redis than their connection.
    static let maximumBytes = 256

    let description: String

    init(_ name: AudienceName) {
        let encoded = Self.encode(name)
        self.description = encoded.utf8.count <= Self.maximumBytes ? encoded : Self.hash(name)
    }

    /// Whether the name cannot be decoded from the key.
    var isHash: Bool { self.description.utf8.first == UInt8(ascii: "#") }

    /// Encodes a name of any length without hashing it.
    static func encode(_ name: AudienceName) -> String { PercentEncoding.encode(name.text) }

    /// - Parameter text: a result of ``encode(_:)``.
    /// - Returns: nil for any other text.
    static func decode(_ text: String) -> AudienceName? {
        guard let name = PercentEncoding.decode(text[...]).flatMap({ AudienceName($0) }),
            self.encode(name).utf8.elementsEqual(text.utf8)
        else { return nil }
        return name
    }

    private static func hash(_ name: AudienceName) -> String { "#" + Hex.encode(SHA256.hash(data: Array(name.text.utf8))) }
}
