/// A `Content-Length` above 64 bits. NIO's parser reports it as not a number, but it is a number that is too large (RFC 9110
/// section 8.6).
struct HugeContentLength: Error {
    /// - Parameter bytes: the bytes in which the parser failed, from the start of a read or of a header field.
    /// - Returns: whether the last `Content-Length` in them is such a number; false for a field that began in an earlier read.
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
