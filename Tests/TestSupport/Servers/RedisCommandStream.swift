public import NIOCore

/// The commands in the bytes that a client sends to Redis. Written without the product.
public struct RedisCommandStream {
    private var unread = ByteBuffer()

    public init() {}

    public mutating func append(_ bytes: ByteBuffer) {
        self.unread.discardReadBytes()
        self.unread.writeImmutableBuffer(bytes)
    }

    /// - Returns: the name and the arguments of the next command; nil until it is complete.
    public mutating func next() -> [[UInt8]]? {
        var bytes = self.unread
        guard let count = Self.readNumber(&bytes) else { return nil }
        var arguments: [[UInt8]] = []
        for _ in 0..<count {
            guard let length = Self.readNumber(&bytes), let argument = bytes.readBytes(length: length),
                bytes.readBytes(length: 2) != nil
            else { return nil }
            arguments.append(argument)
        }
        self.unread = bytes
        return arguments
    }

    public static func encode(_ command: [[UInt8]], into output: inout ByteBuffer) {
        output.writeString("*\(command.count)\r\n")
        for argument in command {
            output.writeString("$\(argument.count)\r\n")
            output.writeBytes(argument)
            output.writeString("\r\n")
        }
    }

    /// A line of a mark and a number.
    private static func readNumber(_ bytes: inout ByteBuffer) -> Int? {
        guard let end = bytes.readableBytesView.firstIndex(of: UInt8(ascii: "\n")) else { return nil }
        let line = bytes.readString(length: end - bytes.readerIndex + 1) ?? ""
        return Int(line.dropFirst().prefix { $0.isNumber })
    }
}
