import CHiredis
import NIOCore

/// A command for Redis: its name and arguments, which may be any bytes.
struct RESPCommand: Sendable {
    private var arguments: RedisArguments

    init(_ arguments: String...) {
        self.arguments = RedisArguments(arguments)
    }

    mutating func append(_ argument: String) { self.arguments.append(argument) }

    mutating func append(_ argument: ByteBuffer) { self.arguments.append(argument) }

    mutating func append(_ arguments: RedisArguments) { self.arguments.append(arguments) }

    /// Appends an argument of eight bytes, big-endian.
    mutating func append(bytesOf integer: UInt64) { self.arguments.append(bytesOf: integer) }

    /// Writes the command in RESP.
    func write(into output: inout ByteBuffer) {
        self.arguments.content.withUnsafeReadableBytes { bytes in
            // An empty buffer has no address, but the formatter needs one even for an empty argument.
            var next = UnsafePointer(bytes.baseAddress?.assumingMemoryBound(to: CChar.self)) ?? Self.nothing
            var arguments: [UnsafePointer<CChar>?] = []
            arguments.reserveCapacity(self.arguments.lengths.count)
            for length in self.arguments.lengths {
                arguments.append(next)
                next += length
            }
            var formatted: UnsafeMutablePointer<CChar>?
            let count = redisFormatCommandArgv(&formatted, CInt(self.arguments.lengths.count), &arguments, self.arguments.lengths)
            guard count >= 0, let formatted else { fatalError("out of memory") }
            output.writeBytes(UnsafeRawBufferPointer(start: formatted, count: Int(count)))
            redisFreeCommand(formatted)
        }
    }

    private static var nothing: UnsafePointer<CChar> {
        UnsafePointer(bitPattern: MemoryLayout<CChar>.alignment)!
    }
}
