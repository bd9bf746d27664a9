/// The name of a group or a user: any text of 1 to 1,024 UTF-16 code units without U+0000.
///
/// Names are compared, hashed and ordered as their bytes in UTF-8. Nothing is normalized: `é` as one scalar and as two are different names,
/// as they are for JavaScript, Redis and a database. U+0000 is excluded because C programs and databases end a text there. Other control
/// characters are allowed; every place that writes a name escapes it in its own way (JSON, percent-encoding, the log handler).
public struct AudienceName: Sendable {
    /// UTF-16 code units: a character beyond U+FFFF counts as two.
    public static let maximumUnits = 1024
    /// Of UTF-8: at most three for each unit.
    public static let maximumBytes = 3 * maximumUnits

    /// For an error message: "`group` <rule>".
    public static let rule = "must be a text of 1 to \(maximumUnits) UTF-16 code units, without U+0000."

    private let value: UTF8Text

    public var text: String { self.value.string }

    /// - Returns: nil for a text that is empty, too long, or has a U+0000 in it.
    public init?(_ text: some StringProtocol) {
        let bytes = text.utf8
        guard (1...Self.maximumBytes).contains(bytes.count) else { return nil }
        var units = 0
        for byte in bytes {
            switch byte {
            case 0: return nil
            // Continues a character.
            case 0x80..<0xC0: break
            // Begins a character of four bytes, which is a surrogate pair in UTF-16.
            case 0xF0...: units += 2
            default: units += 1
            }
        }
        guard units <= Self.maximumUnits else { return nil }
        self.value = UTF8Text(String(text))
    }

    /// - Returns: as for any text.
    public init?(_ text: UTF8Text) { self.init(text.string) }

    /// Bytes of its UTF-8.
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
