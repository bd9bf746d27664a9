import CHiredis
import NIOCore

/// A command for Redis: its name and arguments, any bytes.
struct RESPCommand: Sendable {
    /// All arguments, one after the other: what the formatter is given points into it.
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

    /// Writes the command as Redis reads it.
    func write(into output: inout ByteBuffer) {
        self.content.withUnsafeReadableBytes { bytes in
            // Of an empty buffer there is no address; the formatter wants one also for an argument of no bytes.
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
