/// A `Content-Length` past 64 bits, which NIO's parser takes for one that is no number. It is one, and too large (RFC 9110 section 8.6).
struct HugeContentLength: Error {
    /// - Parameter bytes: what the parser gave up in, from the beginning of a read or of a field on.
    /// - Returns: whether its last `Content-Length` is a number of so many digits; false as well for one that began in an earlier read.
    static func isLast(in bytes: some RandomAccessCollection<UInt8>) -> Bool {
        let name = Array("content-length:".utf8)
        var rest = bytes[...]
        while rest.count >= name.count {
            if zip(rest.suffix(name.count), name).allSatisfy({ $0 | 0x20 == $1 | 0x20 }) {
                return self.isHuge(bytes[rest.endIndex...])
            }
            rest = rest.dropLast()
        }
        return false
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }

    private static func isHuge(_ bytes: some Collection<UInt8>) -> Bool {
        let value = bytes.prefix { $0 != UInt8(ascii: "\r") }.drop(while: self.isSpace)
        let digits = value.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        return value.dropFirst(digits.count).allSatisfy(self.isSpace) && digits.drop { $0 == UInt8(ascii: "0") }.count >= 20
    }
}
