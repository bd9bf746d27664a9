import CHiredis
import NIOCore

/// A command for Redis: its name and arguments, which may be any bytes.
struct RESPCommand: Sendable {
    /// All arguments in sequence. The formatter gets pointers into this buffer.
    private var content = ByteBuffer()
    private var lengths: [Int] = []

    init(_ arguments: String...) {
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

    /// Writes the command in RESP.
    func write(into output: inout ByteBuffer) {
        self.content.withUnsafeReadableBytes { bytes in
            // An empty buffer has no address, but the formatter needs one even for an empty argument.
            var next = UnsafePointer(bytes.baseAddress?.assumingMemoryBound(to: CChar.self)) ?? Self.nothing
            var arguments: [UnsafePointer<CChar>?] = []
            arguments.reserveCapacity(self.lengths.count)
            for length in self.lengths {
                arguments.append(next)
                next += length
            }
            var formatted: UnsafeMutablePointer<CChar>?
            let count = redisFormatCommandArgv(&formatted, CInt(self.lengths.count), &arguments, self.lengths)
            guard count >= 0, let formatted else { fatalError("out of memory") }
            output.writeBytes(UnsafeRawBufferPointer(start: formatted, count: Int(count)))
            redisFreeCommand(formatted)
        }
    }

    private static var nothing: UnsafePointer<CChar> {
        UnsafePointer(bitPattern: MemoryLayout<CChar>.alignment)!
    }
}
