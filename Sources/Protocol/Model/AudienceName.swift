/// The name of a group or a user: any text of 1 to 1,024 UTF-16 code units without U+0000.
///
/// Names are compared, hashed and ordered by their bytes in UTF-8. Nothing is normalized: `é` as one scalar and `é` as two are
/// different names, as in JavaScript, Redis and databases. U+0000 is excluded because C programs and databases end a text there.
/// Other control characters are allowed; each output escapes them in its own way (JSON, percent-encoding, the log handler).
public struct AudienceName: Sendable {
    /// UTF-16 code units: a character above U+FFFF counts as two.
    public static let maximumUnits = 1024
    /// Bytes of UTF-8: at most three for each code unit.
    public static let maximumBytes = 3 * maximumUnits

    /// For error messages: "`group` <rule>".
    public static let rule = "must be a text of 1 to \(maximumUnits) UTF-16 code units, without U+0000."

    private let value: UTF8Text

    public var text: String { self.value.string }

    /// - Returns: nil for a text that is empty, too long, or contains U+0000.
    public init?(_ text: some StringProtocol) {
        let bytes = text.utf8
        guard (1...Self.maximumBytes).contains(bytes.count) else { return nil }
        var units = 0
        for byte in bytes {
            switch byte {
            case 0: return nil
            // Continuation byte.
            case 0x80..<0xC0: break
            // The first of four bytes: a surrogate pair in UTF-16.
            case 0xF0...: units += 2
            default: units += 1
            }
        }
        guard units <= Self.maximumUnits else { return nil }
        self.value = UTF8Text(String(text))
    }

    /// - Returns: nil under the same conditions as for a `String`.
    public init?(_ text: UTF8Text) { self.init(text.string) }

    /// Bytes of the name in UTF-8.
    public var byteCount: Int { self.text.utf8.count }
}

extension AudienceName: CustomStringConvertible {
    public var description: String { self.text }
}

extension AudienceName: Hashable {
    public static func == (left: AudienceName, right: AudienceName) -> Bool { left.value == right.value }

    public func hash(into hasher: inout Hasher) { self.value.hash(into: &hasher) }
}

extension AudienceName: Comparable {
    public static func < (left: AudienceName, right: AudienceName) -> Bool { left.value < right.value }
}
