import NIOCore

extension ByteBuffer {
    /// Writes a server-sent event: each line of the data behind `data: `, and an empty line. A line ends with CR, LF or both: readers take
    /// each of them for an end.
    mutating func writeEvent(data: ByteBuffer) {
        let (cr, lf) = (UInt8(ascii: "\r"), UInt8(ascii: "\n"))
        self.reserveCapacity(minimumWritableBytes: data.readableBytes + 16)
        var rest = data.readableBytesView
        while true {
            self.writeStaticString("data: ")
            let end = rest.firstIndex { $0 == cr || $0 == lf } ?? rest.endIndex
            self.writeBytes(rest[..<end])
            self.writeStaticString("\r\n")
            guard end < rest.endIndex else { break }
            let isPair = rest[end] == cr && rest.index(after: end) < rest.endIndex && rest[rest.index(after: end)] == lf
            rest = rest[rest.index(end, offsetBy: isPair ? 2 : 1)...]
        }
        self.writeStaticString("\r\n")
    }
}
