import NIOCore

/// Arguments of a command, which may be any bytes.
struct RedisArguments: Sendable {
    /// All arguments in sequence.
    private(set) var content = ByteBuffer()
    private(set) var lengths: [Int] = []

    init(_ arguments: [String] = []) {
        for argument in arguments { self.append(argument) }
    }

    mutating func append(_ argument: String) {
        self.lengths.append(self.content.writeString(argument))
    }

    mutating func append(_ argument: ByteBuffer) {
        self.lengths.append(self.content.writeImmutableBuffer(argument))
    }

    /// Appends an argument of eight bytes, big-endian.
    mutating func append(bytesOf integer: UInt64) {
        self.lengths.append(self.content.writeInteger(integer))
    }

    mutating func append(_ arguments: RedisArguments) {
        self.content.writeImmutableBuffer(arguments.content)
        self.lengths += arguments.lengths
    }
}
