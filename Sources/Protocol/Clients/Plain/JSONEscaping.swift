/// Writes UTF-8 text into a JSON string (RFC 8259 section 7): escapes quote, backslash and control characters.
enum JSONEscaping {
    /// - Returns: size of the escaped text in bytes.
    static func count(of bytes: UnsafeRawBufferPointer) -> Int {
        var count = bytes.count
        var index = 0
        // Most text has no special characters, so eight bytes are tested at a time.
        while index + 8 <= bytes.count {
            let word = bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            if self.hasSpecial(word) { count += self.added(by: word) }
            index += 8
        }
        while index < bytes.count {
            count += self.escaped(bytes[index]).count - 1
            index += 1
        }
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

    /// One pass, and less than a nanosecond for each byte: a client may send a message of nothing but control characters.
    /// - Parameter count: result of ``count(of:)`` for the same bytes.
    static func write(_ bytes: UnsafeRawBufferPointer, count: Int, to writer: inout ByteWriter) {
        guard count > bytes.count else { return writer.write(bytes) }
        self.forms.withUnsafeBufferPointer { forms in
            var (start, index) = (0, 0)
            while index < bytes.count {
                let end = min(index + 8, bytes.count)
                if end - index == 8, !self.hasSpecial(bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)) {
                    index = end
                    continue
                }
                if start < index { writer.write(UnsafeRawBufferPointer(rebasing: bytes[start..<index])) }
                writer.write(forms, of: UnsafeRawBufferPointer(rebasing: bytes[index..<end]))
                index = end
                start = end
            }
            writer.write(UnsafeRawBufferPointer(rebasing: bytes[start...]))
        }
    }

    /// The escaped form of each byte, as ``ByteWriter/write(_:of:)`` takes it.
    private static let forms: [UInt64] = (0...UInt8.max).map { byte in
        let escaped = Self.escaped(byte)
        return UInt64(escaped.count) << 56 | escaped.bytes
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

    /// How many bytes escaping adds to eight bytes. Each comparison has its result in the highest bit of each byte.
    private static func added(by word: UInt64) -> Int {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let (low, high) = (ones * 0x7F, ones * 0x80)
        func equal(_ byte: UInt8) -> UInt64 {
            let difference = word ^ (ones * UInt64(byte))
            return ~(((difference & low) + low) | difference) & high
        }
        let control = ~(((word & low) + ones * 0x60) | word) & high
        let short = equal(UInt8(ascii: "\n")) | equal(UInt8(ascii: "\r")) | equal(UInt8(ascii: "\t"))
        let quoted = short | equal(UInt8(ascii: "\"")) | equal(UInt8(ascii: "\\"))
        // A sum for each byte, at most 5; the multiplication adds them up in the highest byte.
        let added = ((control & ~short) >> 7) &* 5 + (quoted >> 7)
        return Int((added &* ones) >> 56)
    }

    /// The escaped form of a byte: the first `count` bytes, the lowest first.
    @inline(__always)
    private static func escaped(_ byte: UInt8) -> (bytes: UInt64, count: Int) {
        func pair(_ second: UInt8) -> (bytes: UInt64, count: Int) { (UInt64(second) << 8 | UInt64(UInt8(ascii: "\\")), 2) }
        guard byte < 0x20 else {
            return byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") ? pair(byte) : (UInt64(byte), 1)
        }
        switch byte {
        case UInt8(ascii: "\n"): return pair(UInt8(ascii: "n"))
        case UInt8(ascii: "\r"): return pair(UInt8(ascii: "r"))
        case UInt8(ascii: "\t"): return pair(UInt8(ascii: "t"))
        default: break
        }
        let low = byte & 0xF
        let digits =
            UInt64(UInt8(ascii: "0") + byte >> 4) | UInt64(low + (low < 10 ? UInt8(ascii: "0") : UInt8(ascii: "a") - 10)) << 8
        // The first four: \u00
        return (digits << 32 | 0x3030_755C, 6)
    }
}
