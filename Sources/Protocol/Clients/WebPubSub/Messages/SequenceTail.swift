/// The end of a message for a reliable client: its number in this connection. Everything before is the same for all clients.
///
/// 20 digits, with spaces in place of leading zeros, which JSON does not allow, and the brace that ends the message.
enum SequenceTail {
    static let digits = 20
    static let byteCount = Self.digits + 1

    static func write(_ number: UInt64, to tail: inout OutputRawSpan) {
        var rest = number
        let low = self.digits(of: &rest, isLast: true)
        let middle = self.digits(of: &rest, isLast: false)
        let high = self.digits(of: &rest, isLast: false)
        tail.append(UInt32(truncatingIfNeeded: high).bigEndian, as: UInt32.self)
        tail.append(middle.bigEndian, as: UInt64.self)
        tail.append(low.bigEndian, as: UInt64.self)
        tail.append(UInt8(ascii: "}"))
    }

    /// The last eight digits as text, the first of them in the highest byte. Removes them from the number.
    private static func digits(of number: inout UInt64, isLast: Bool) -> UInt64 {
        guard number > 0 || isLast else { return 0x2020_2020_2020_2020 }
        var text: UInt64 = 0
        for place in 0..<8 {
            let isSpace = number == 0 && (place > 0 || !isLast)
            let digit = isSpace ? 0x20 : 0x30 + number % 10
            text |= digit << UInt64(8 * place)
            number /= 10
        }
        return text
    }
}
