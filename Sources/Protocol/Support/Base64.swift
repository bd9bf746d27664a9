import NIOCore

/// Base64 with the standard alphabet and padding (RFC 4648 section 4). Bytes to bytes, in linear time.
enum Base64 {
    /// Size of the encoded form of a number of bytes.
    static func encodedCount(of count: Int) -> Int { (count + 2) / 3 * 4 }

    static func write(_ buffer: ByteBuffer, to writer: inout ByteWriter) {
        buffer.withUnsafeReadableBytes { bytes in
            var index = 0
            while index + 3 <= bytes.count {
                writer.write(self.group(bytes[index], bytes[index + 1], bytes[index + 2]))
                index += 3
            }
            let padding = UInt32(UInt8(ascii: "="))
            switch bytes.count - index {
            case 1: writer.write(self.group(bytes[index], 0, 0) & 0xFFFF_0000 | padding << 8 | padding)
            case 2: writer.write(self.group(bytes[index], bytes[index + 1], 0) & 0xFFFF_FF00 | padding)
            default: break
            }
        }
    }

    /// The four letters of three bytes.
    private static func group(_ first: UInt8, _ second: UInt8, _ third: UInt8) -> UInt32 {
        let bits = UInt32(first) << 16 | UInt32(second) << 8 | UInt32(third)
        return UInt32(self.letter(bits >> 18)) << 24 | UInt32(self.letter(bits >> 12 & 63)) << 16
            | UInt32(self.letter(bits >> 6 & 63)) << 8 | UInt32(self.letter(bits & 63))
    }

    /// - Returns: nil for other characters, spaces included, and for wrong padding. Bits behind the last byte are ignored.
    static func decode(_ text: ByteBuffer) -> ByteBuffer? {
        text.withUnsafeReadableBytes { text in
            guard text.count % 4 == 0 else { return nil }
            let padding = text.suffix(2).reversed().prefix { $0 == UInt8(ascii: "=") }.count
            let letters = UnsafeRawBufferPointer(rebasing: text.dropLast(padding))
            let size = letters.count * 3 / 4
            var bytes = ByteBuffer()
            var isValid = true
            bytes.write(atMost: size) { writer in
                var (bits, held): (UInt32, UInt32) = (0, 0)
                for letter in letters {
                    guard let value = self.value(letter) else {
                        isValid = false
                        return
                    }
                    bits = bits << 6 | UInt32(value)
                    held += 6
                    if held >= 8 {
                        held -= 8
                        writer.write(UInt8(truncatingIfNeeded: bits >> held))
                    }
                }
            }
            return isValid ? bytes : nil
        }
    }

    private static func letter(_ value: UInt32) -> UInt8 {
        let value = UInt8(truncatingIfNeeded: value)
        switch value {
        case 0..<26: return UInt8(ascii: "A") + value
        case 26..<52: return UInt8(ascii: "a") + value - 26
        case 52..<62: return UInt8(ascii: "0") + value - 52
        default: return value == 62 ? UInt8(ascii: "+") : UInt8(ascii: "/")
        }
    }

    private static func value(_ letter: UInt8) -> UInt8? {
        switch letter {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): letter - UInt8(ascii: "A")
        case UInt8(ascii: "a")...UInt8(ascii: "z"): letter - UInt8(ascii: "a") + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): letter - UInt8(ascii: "0") + 52
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }
}
