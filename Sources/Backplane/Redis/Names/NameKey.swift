import Crypto
import VolaryProtocol

/// The name of a user or a group as a part of Redis' keys, channels and index entries.
///
/// Each name has one key, and no two names share one:
///
/// - Letters, digits and `- . _ ~ @ : + =` stand for themselves, every other byte is percent-encoded (RFC 3986 section 2.1, capital digits). A
///   key therefore has no `/`, brace, blank or control character, and what joins keys with those is unambiguous.
/// - Where that is longer than ``maximumBytes``, the key is `#` and the SHA-256 of the name in 64 lower-case hex digits. `#` is in no other key.
struct NameKey: Hashable, Sendable, CustomStringConvertible {
    /// Of a key that is not hashed: 256. What is longer would cost Redis more memory than the connection that it belongs to.
    static let maximumBytes = 256

    let description: String

    init(_ name: AudienceName) {
        let encoded = Self.encode(name)
        self.description = encoded.utf8.count <= Self.maximumBytes ? encoded : Self.hash(name)
    }

    /// Whether the name cannot be read back from the key.
    var isHash: Bool { self.description.utf8.first == UInt8(ascii: "#") }

    /// The name in the form that is never hashed, of any length.
    static func encode(_ name: AudienceName) -> String { PercentEncoding.encode(name.text) }

    /// - Parameter text: as ``encode(_:)`` gives it.
    /// - Returns: nil for every other text.
    static func decode(_ text: String) -> AudienceName? {
        guard let name = PercentEncoding.decode(text[...]).flatMap({ AudienceName($0) }),
            self.encode(name).utf8.elementsEqual(text.utf8)
        else { return nil }
        return name
    }

    private static func hash(_ name: AudienceName) -> String { "#" + Hex.encode(SHA256.hash(data: Array(name.text.utf8))) }
}
