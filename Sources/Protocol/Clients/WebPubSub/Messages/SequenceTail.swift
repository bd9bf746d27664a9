/// The end of a message for a reliable client: its number in this connection. Everything before is the same for all clients.
///
/// 20 digits, with spaces in place of leading zeros, which JSON does not allow, and the brace that ends the message.
enum SequenceTail {
    static let digits = 20
    static let byteCount = Self.digits + 1

    static func write(_ number: UInt64, to tail: inout OutputRawSpan) {
        var divisor: UInt64 = 10_000_000_000_000_000_000
        var hasDigit = false
        while divisor > 0 {
            let digit = UInt8(truncatingIfNeeded: number / divisor % 10)
            hasDigit = hasDigit || digit > 0 || divisor == 1
            tail.append(hasDigit ? UInt8(ascii: "0") + digit : UInt8(ascii: " "))
            divisor /= 10
        }
        tail.append(UInt8(ascii: "}"))
    }
}
