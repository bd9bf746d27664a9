import Foundation

/// Base64url without padding (RFC 4648 section 5), as JSON Web Tokens use it.
///
/// Not a library's: Foundation decodes the standard alphabet only, and accepts `AB==` as a second text for the byte of `AA==`.
/// JWTKit's decoder is internal to its package.
enum Base64URL {
    /// - Returns: nil for characters outside the alphabet, including padding, and for a last digit whose unused bits are not zero
    ///   (RFC 4648 section 3.5): each byte sequence has exactly one text.
    static func decode(_ text: some StringProtocol) -> Data? {
        var digits: [UInt8] = []
        digits.reserveCapacity(text.utf8.count + 3)
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                digits.append(byte)
            case UInt8(ascii: "-"): digits.append(UInt8(ascii: "+"))
            case UInt8(ascii: "_"): digits.append(UInt8(ascii: "/"))
            default: return nil
            }
        }
        guard digits.count % 4 != 1 else { return nil }
        digits += Array(repeating: UInt8(ascii: "="), count: (4 - digits.count % 4) % 4)
        guard let data = Data(base64Encoded: Data(digits)), self.encode(data).utf8.elementsEqual(text.utf8) else { return nil }
        return data
    }

    static func encode(_ bytes: some Sequence<UInt8>) -> String {
        let digits = Data(bytes).base64EncodedData().compactMap { digit -> UInt8? in
            switch digit {
            case UInt8(ascii: "+"): UInt8(ascii: "-")
            case UInt8(ascii: "/"): UInt8(ascii: "_")
            case UInt8(ascii: "="): nil
            default: digit
            }
        }
        return String(decoding: digits, as: UTF8.self)
    }
}
