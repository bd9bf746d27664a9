/// Texts that accompany a message: headers for event handlers, an object for clients.
///
/// No key occurs twice. The order is the sender's.
public struct MessageMetadata: Hashable, Sendable {
    public struct Entry: Hashable, Sendable {
        public let key: UTF8Text
        public let value: UTF8Text

        public init(_ key: UTF8Text, _ value: UTF8Text) {
            self.key = key
            self.value = value
        }
    }

    /// A key: 256 bytes.
    public static let maximumKeyBytes = 256
    /// A value: 1 KiB.
    public static let maximumValueBytes = 1024
    /// All keys and values together: 8 KiB.
    public static let maximumBytes = 8 * 1024

    public let entries: [Entry]

    /// No entries.
    public init() {
        self.entries = []
    }

    /// - Parameter entries: keys of characters of an HTTP token (RFC 9110 section 5.6.2); values of printable ASCII and tabs,
    ///   because they become values of HTTP fields.
    /// - Returns: nil for an invalid key or value, for a repeated key, and beyond a limit.
    public init?(_ entries: [Entry]) {
        var byteCount = 0
        var keys: Set<UTF8Text> = []
        for entry in entries {
            byteCount += entry.key.utf8.count + entry.value.utf8.count
            guard byteCount <= Self.maximumBytes, entry.isValid, keys.insert(entry.key).inserted else { return nil }
        }
        self.entries = entries
    }

    public var isEmpty: Bool { self.entries.isEmpty }
}

extension MessageMetadata.Entry {
    fileprivate var isValid: Bool {
        (1...MessageMetadata.maximumKeyBytes).contains(self.key.utf8.count) && self.key.utf8.allSatisfy(Self.isTokenCharacter)
            && self.value.utf8.count <= MessageMetadata.maximumValueBytes
            && self.value.utf8.allSatisfy { (0x20..<0x7F).contains($0) || $0 == 0x09 }
    }

    private static func isTokenCharacter(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
    }
}
