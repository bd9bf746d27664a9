#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// The name of a group or a user: any text of 1 to 1,024 UTF-16 code units without U+0000.
///
/// Names are compared, hashed and ordered as their bytes in UTF-8. Nothing is normalized: `é` as one scalar and as two are different names,
/// as they are for JavaScript, Redis and a database. U+0000 is excluded because C programs and databases end a text there. Other control
/// characters are allowed; every place that writes a name escapes it in its own way (JSON, percent-encoding, the log handler).
public struct Name: Sendable {
    /// UTF-16 code units: a character beyond U+FFFF counts as two.
    public static let maximumUnits = 1024
    /// Of UTF-8: at most three for each unit.
    public static let maximumBytes = 3 * maximumUnits

    /// For an error message: "`group` <rule>".
    public static let rule = "must be a text of 1 to \(maximumUnits) UTF-16 code units, without U+0000."

    public let text: String

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
        self.text = String(text)
    }

    /// Bytes of its UTF-8.
    public var byteCount: Int { self.text.utf8.count }

    private func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        self.text.utf8.withContiguousStorageIfAvailable { body(UnsafeRawBufferPointer($0)) }
            ?? Array(self.text.utf8).withUnsafeBytes(body)
    }

    /// Below, at or above zero, as `memcmp` has it.
    private static func compare(_ left: Name, _ right: Name) -> Int {
        left.withBytes { left in
            right.withBytes { right in
                // Not empty, so both have an address.
                let order = memcmp(left.baseAddress!, right.baseAddress!, min(left.count, right.count))
                return order == 0 ? left.count - right.count : Int(order)
            }
        }
    }
}

extension Name: CustomStringConvertible {
    public var description: String { self.text }
}

extension Name: Hashable {
    public static func == (left: Name, right: Name) -> Bool {
        left.byteCount == right.byteCount && self.compare(left, right) == 0
    }

    public func hash(into hasher: inout Hasher) {
        self.withBytes { hasher.combine(bytes: $0) }
        // No byte of UTF-8: names one after the other do not run together.
        hasher.combine(0xFF as UInt8)
    }
}

extension Name: Comparable {
    public static func < (left: Name, right: Name) -> Bool { self.compare(left, right) < 0 }
}
