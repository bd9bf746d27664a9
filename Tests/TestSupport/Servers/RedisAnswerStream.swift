import NIOCore

/// The answers and pushes in the bytes that Redis sends to a client (RESP2). Written without the product.
struct RedisAnswerStream {
    struct Answer {
        /// As they came.
        var bytes: ByteBuffer
        /// The strings of all its arrays, in order.
        var strings: [String] = []
    }

    private var unread = ByteBuffer()

    mutating func append(_ bytes: ByteBuffer) {
        self.unread.discardReadBytes()
        self.unread.writeImmutableBuffer(bytes)
    }

    /// - Returns: nil until one is complete.
    mutating func next() -> Answer? {
        var rest = self.unread
        var answer = Answer(bytes: self.unread)
        guard Self.skipValue(&rest, &answer.strings) else { return nil }
        answer.bytes.moveWriterIndex(to: rest.readerIndex)
        self.unread = rest
        return answer
    }

    /// - Returns: false if the value is not complete.
    private static func skipValue(_ bytes: inout ByteBuffer, _ strings: inout [String]) -> Bool {
        guard let end = bytes.readableBytesView.firstIndex(of: UInt8(ascii: "\n")),
            let line = bytes.readString(length: end - bytes.readerIndex + 1)
        else { return false }
        let count = Int(line.dropFirst().prefix { $0 == "-" || $0.isNumber }) ?? 0
        switch line.first {
        case "$" where count >= 0:
            guard let string = bytes.readString(length: count), bytes.readBytes(length: 2) != nil else { return false }
            strings.append(string)
        case "*" where count > 0:
            for _ in 0..<count { guard Self.skipValue(&bytes, &strings) else { return false } }
        default: break
        }
        return true
    }
}
