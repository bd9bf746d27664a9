/// Writes UTF-8 text into a JSON string (RFC 8259 section 7): escapes quote, backslash and control characters.
enum JSONEscaping {
    /// - Returns: size of the escaped text in bytes.
    static func count(of bytes: UnsafeRawBufferPointer) -> Int {
        var count = bytes.count
        var index = 0
        // Most text has no special characters, so eight bytes are tested at a time.
        while index + 8 <= bytes.count {
            let word = bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            if self.hasSpecial(word) {
                for byte in bytes[index..<index + 8] { count += self.added(by: byte) }
            }
            index += 8
        }
        for byte in bytes[index...] { count += self.added(by: byte) }
        return count
    }

    /// - Returns: size of the escaped text in bytes.
    static func count(of text: String) -> Int {
        var text = text
        return text.withUTF8 { self.count(of: UnsafeRawBufferPointer($0)) }
    }

    static func write(_ text: String, to writer: inout ByteWriter) {
        var text = text
        text.withUTF8 { bytes in
            let bytes = UnsafeRawBufferPointer(bytes)
            self.write(bytes, count: self.count(of: bytes), to: &writer)
        }
    }

    /// - Parameter count: result of ``count(of:)`` for the same bytes.
    static func write(_ bytes: UnsafeRawBufferPointer, count: Int, to writer: inout ByteWriter) {
        guard count > bytes.count else { return writer.write(bytes) }
        var start = 0
        for index in bytes.indices where self.added(by: bytes[index]) > 0 {
            writer.write(UnsafeRawBufferPointer(rebasing: bytes[start..<index]))
            self.writeEscaped(bytes[index], to: &writer)
            start = index + 1
        }
        writer.write(UnsafeRawBufferPointer(rebasing: bytes[start...]))
    }

    /// Whether at least one of eight bytes has to be escaped. Each term has its result in the highest bit of each byte. For a
    /// byte below 128, subtracting n sets the highest bit exactly if the byte is below n; after an exclusive or with n,
    /// subtracting 1 sets it exactly if the byte is n.
    private static func hasSpecial(_ word: UInt64) -> Bool {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let quote = word ^ (ones * UInt64(UInt8(ascii: "\"")))
        let backslash = word ^ (ones * UInt64(UInt8(ascii: "\\")))
        let found =
            ((word &- ones * 0x20) & ~word)
            | ((quote &- ones) & ~quote)
            | ((backslash &- ones) & ~backslash)
        return found & (ones * 0x80) != 0
    }

    private static func added(by byte: UInt8) -> Int {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "\n"), UInt8(ascii: "\r"), UInt8(ascii: "\t"): 1
        case ..<0x20: 5
        default: 0
        }
    }

    private static func writeEscaped(_ byte: UInt8, to writer: inout ByteWriter) {
        switch byte {
        case UInt8(ascii: "\""): writer.write("\\\"")
        case UInt8(ascii: "\\"): writer.write("\\\\")
        case UInt8(ascii: "\n"): writer.write("\\n")
        case UInt8(ascii: "\r"): writer.write("\\r")
        case UInt8(ascii: "\t"): writer.write("\\t")
        default:
            writer.write("\\u00")
            writer.write(hex: UInt64(byte), digits: 2)
        }
    }
}
