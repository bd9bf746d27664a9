extension JSONScanner {
    /// - Returns: the text of the string without escapes: `"a"` and `"\u0061"` are the same text.
    package mutating func string() throws(Fault) -> UTF8Text {
        let (text, isEscaped) = try self.quoted()
        return UTF8Text(
            isEscaped ? String(decoding: try Self.unescape(text), as: UTF8.self) : String(decoding: text, as: UTF8.self)
        )
    }

    /// - Returns: the bytes of the string without escapes, if it has escapes. nil: they are the bytes between the quotes.
    mutating func unescapedString() throws(Fault) -> [UInt8]? {
        let (text, isEscaped) = try self.quoted()
        return isEscaped ? try Self.unescape(text) : nil
    }

    mutating func skipString() throws(Fault) { _ = try self.unescapedString() }

    /// The bytes between the quotes, and whether they contain escapes.
    private mutating func quoted() throws(Fault) -> (text: Slice<UnsafeRawBufferPointer>, isEscaped: Bool) {
        guard self.next == UInt8(ascii: "\"") else { throw .malformed }
        self.position += 1
        let start = self.position
        var isEscaped = false
        while let byte = self.byte {
            switch byte {
            case UInt8(ascii: "\""):
                self.position += 1
                return (self.bytes[start..<self.position - 1], isEscaped)
            case UInt8(ascii: "\\"):
                isEscaped = true
                self.position += 2
            case 0..<0x20: throw .malformed
            default: self.position += 1
            }
        }
        throw .malformed
    }

    /// - Returns: well-formed UTF-8.
    private static func unescape(_ text: Slice<UnsafeRawBufferPointer>) throws(Fault) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count)
        var rest = text
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "\\") else {
                bytes.append(byte)
                continue
            }
            switch rest.popFirst() {
            case UInt8(ascii: "u"):
                bytes.append(contentsOf: UTF8.encode(try self.scalar(&rest)) ?? UTF8.encodedReplacementCharacter)
            case UInt8(ascii: "b"): bytes.append(0x08)
            case UInt8(ascii: "t"): bytes.append(0x09)
            case UInt8(ascii: "n"): bytes.append(0x0A)
            case UInt8(ascii: "f"): bytes.append(0x0C)
            case UInt8(ascii: "r"): bytes.append(0x0D)
            case let sign? where "\"\\/".utf8.contains(sign): bytes.append(sign)
            default: throw .malformed
            }
        }
        return bytes
    }

    /// Reads the digits after `\u`, and the second half of a surrogate pair. An unpaired surrogate is not a character.
    private static func scalar(_ rest: inout Slice<UnsafeRawBufferPointer>) throws(Fault) -> Unicode.Scalar {
        let unit = try self.unit(&rest)
        if let scalar = Unicode.Scalar(unit) { return scalar }
        guard UTF16.isLeadSurrogate(unit), rest.popFirst() == UInt8(ascii: "\\"), rest.popFirst() == UInt8(ascii: "u") else {
            throw .malformed
        }
        let second = try self.unit(&rest)
        guard UTF16.isTrailSurrogate(second),
            let scalar = Unicode.Scalar(0x1_0000 + UInt32(unit & 0x3FF) << 10 + UInt32(second & 0x3FF))
        else { throw .malformed }
        return scalar
    }

    private static func unit(_ rest: inout Slice<UnsafeRawBufferPointer>) throws(Fault) -> UInt16 {
        var unit: UInt16 = 0
        for _ in 0..<4 {
            switch rest.popFirst() {
            case let digit? where (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit):
                unit = unit << 4 | UInt16(digit - UInt8(ascii: "0"))
            case let digit? where (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(digit | 0x20):
                unit = unit << 4 | UInt16((digit | 0x20) - UInt8(ascii: "a") + 10)
            default: throw .malformed
            }
        }
        return unit
    }
}
