package import VolaryProtocol

/// Percent-encoding as in URLs (RFC 3986 section 2.1).
///
/// Not a library's: `FoundationEssentials` has none, and Foundation's needs a `CharacterSet`.
package enum PercentEncoding {
    /// - Returns: nil when a `%` is not followed by two hex digits, or when the bytes are not UTF-8.
    package static func decode(_ text: Substring) -> UTF8Text? {
        // The usual case.
        if !text.utf8.contains(UInt8(ascii: "%")) { return UTF8Text(String(text)) }
        var bytes: [UInt8] = []
        var rest = text.utf8
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let high = rest.popFirst().flatMap(self.digit), let low = rest.popFirst().flatMap(self.digit) else {
                return nil
            }
            bytes.append(high << 4 | low)
        }
        return String(validating: bytes, as: UTF8.self).map { UTF8Text($0) }
    }

    /// Encodes every byte except letters, digits and `- . _ ~ @ : + =`, which need no encoding in a path segment.
    package static func encode(_ text: String) -> String {
        let encoded = text.utf8.count { !self.isPlain($0) }
        guard encoded > 0 else { return text }
        return String(unsafeUninitializedCapacity: text.utf8.count + 2 * encoded) { target in
            var count = 0
            func write(_ byte: UInt8) {
                target[count] = byte
                count += 1
            }
            for byte in text.utf8 {
                if self.isPlain(byte) {
                    write(byte)
                } else {
                    write(UInt8(ascii: "%"))
                    write(self.capitalDigit(byte >> 4))
                    write(self.capitalDigit(byte & 15))
                }
            }
            return count
        }
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
            UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"),
            UInt8(ascii: "@"), UInt8(ascii: ":"), UInt8(ascii: "+"), UInt8(ascii: "="):
            true
        default: false
        }
    }

    private static func capitalDigit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "A") + value - 10
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
