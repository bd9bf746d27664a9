/// The name of a group or a user: 1 to 256 letters, digits, and `-._~@:+=` of ASCII.
///
/// The alphabet needs no escaping in a path, a topic, a key or a log.
public struct Name: Hashable, Sendable {
    public static let maximumBytes = 256

    /// For those who gave something else: "`group` <rule>".
    public static let rule = "must be 1 to 256 of the letters, digits and signs A-Z a-z 0-9 - . _ ~ @ : + =."

    public let text: String

    /// - Returns: nil for anything outside the alphabet, empty, or too long.
    public init?(_ text: some StringProtocol) {
        let bytes = text.utf8
        guard (1...Self.maximumBytes).contains(bytes.count), bytes.allSatisfy(Self.isAllowed) else { return nil }
        self.text = String(text)
    }

    private static func isAllowed(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "-._~@:+=".utf8.contains(byte)
        }
    }
}

extension Name: CustomStringConvertible {
    public var description: String { self.text }
}

extension Name: Comparable {
    public static func < (left: Name, right: Name) -> Bool { left.text < right.text }
}
