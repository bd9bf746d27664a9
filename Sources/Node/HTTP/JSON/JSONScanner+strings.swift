import VolaryProtocol

extension JSONScanner {
    /// - Returns: the text of the string without escapes: `"a"` and `"\u0061"` are the same text.
    mutating func string() throws(Fault) -> UTF8Text {
        let (text, isEscaped) = try self.quoted()
        return UTF8Text(isEscaped ? try Self.unescape(Array(text)) : String(decoding: text, as: UTF8.self))
    }

    mutating func skipString() throws(Fault) {
        let (text, isEscaped) = try self.quoted()
        if isEscaped { _ = try Self.unescape(Array(text)) }
    }

    /// The bytes between the quotes, and whether they contain escapes.
    private mutating func quoted() throws(Fault) -> (text: Slice<UnsafeRawBufferPointer>, isEscaped: Bool) {
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

    private static func unescape(_ text: [UInt8]) throws(Fault) -> String {
        var units: [UInt16] = []
        var scalars = String.UnicodeScalarView()
        func flush() throws(Fault) {
            // An unpaired surrogate is not a character.
            guard let some = String(validating: units, as: UTF16.self) else { throw .malformed }
            scalars.append(contentsOf: some.unicodeScalars)
            units.removeAll()
        }
        var rest = text[...]
        while let byte = rest.first {
            guard byte == UInt8(ascii: "\\") else {
                try flush()
                let plain = rest.prefix { $0 != UInt8(ascii: "\\") }
                scalars.append(contentsOf: String(decoding: plain, as: UTF8.self).unicodeScalars)
                rest = rest.dropFirst(plain.count)
                continue
            }
            rest = rest.dropFirst()
            switch rest.popFirst() {
            case UInt8(ascii: "u"):
                let digits = rest.prefix(4)
                guard digits.count == 4, digits.allSatisfy({ Character(.init($0)).isHexDigit }),
                    let unit = UInt16(String(decoding: digits, as: UTF8.self), radix: 16)
                else { throw .malformed }
                units.append(unit)
                rest = rest.dropFirst(4)
            case UInt8(ascii: "b"): units.append(0x08)
            case UInt8(ascii: "t"): units.append(0x09)
            case UInt8(ascii: "n"): units.append(0x0A)
            case UInt8(ascii: "f"): units.append(0x0C)
            case UInt8(ascii: "r"): units.append(0x0D)
            case let sign? where "\"\\/".utf8.contains(sign): units.append(UInt16(sign))
            default: throw .malformed
            }
        }
        try flush()
        return String(scalars)
    }
}
