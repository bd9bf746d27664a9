import CZlib
public import NIOCore

/// Compresses whole messages, each by itself (RFC 7692 section 7.2.1 without context takeover).
///
/// Takes 256 KiB as long as it lives: one is shared by all connections of an event loop. Not to be used from two threads at once.
public final class Deflater {
    /// Shorter messages are left as they are. At 128 bytes a quarter to a third of a JSON text goes away, at 64 a tenth; either costs
    /// the same 4 us, and more at the client.
    public static let minimumBytes = 128

    /// Longer messages are left as they are: 128 KiB, which take a millisecond. An event loop does nothing else meanwhile.
    public static let maximumBytes = 128 * 1024

    /// 3 of 9: on JSON texts of 16 KiB and 1 MiB it takes a third of the time of zlib's default, 6, for an output a tenth longer.
    private static let level: Int32 = 3
    /// Ends what a flush writes; taken off here, and put back by who inflates.
    private static let tailBytes = 4

    private let stream: UnsafeMutablePointer<z_stream>

    public init() {
        self.stream = .allocate(capacity: 1)
        self.stream.initialize(to: z_stream())
        let result = volary_deflate_init(self.stream, Self.level, -MAX_WBITS, 8)
        precondition(result == Z_OK, "zlib has no memory, or is not the one this was built with")
    }

    deinit {
        deflateEnd(self.stream)
        self.stream.deallocate()
    }

    /// - Returns: the payload of the compressed message; nil when it would not be shorter, or the message is below ``minimumBytes`` or above
    ///   ``maximumBytes``.
    public func compress(_ message: ByteBuffer) -> ByteBuffer? {
        guard (Self.minimumBytes...Self.maximumBytes).contains(message.readableBytes) else { return nil }
        let room = message.readableBytes + Self.tailBytes
        var compressed = ByteBufferAllocator().buffer(capacity: room)
        compressed.writeWithUnsafeMutableBytes(minimumWritableBytes: room) { target in
            message.withUnsafeReadableBytes { source in
                self.deflate(source, into: UnsafeMutableRawBufferPointer(rebasing: target[..<room]))
            }
        }
        // zlib is done when it leaves room.
        guard compressed.readableBytes < room else { return nil }
        compressed.moveWriterIndex(to: compressed.writerIndex - Self.tailBytes)
        return compressed
    }

    /// - Returns: how many bytes were written.
    private func deflate(_ source: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer) -> Int {
        self.stream.pointee.next_in = UnsafeMutablePointer(mutating: source.assumingMemoryBound(to: UInt8.self).baseAddress)
        self.stream.pointee.avail_in = UInt32(source.count)
        self.stream.pointee.next_out = target.assumingMemoryBound(to: UInt8.self).baseAddress
        self.stream.pointee.avail_out = UInt32(target.count)
        // Fails only where the arguments are wrong; too little room shows in what is left of it.
        _ = CZlib.deflate(self.stream, Z_SYNC_FLUSH)
        let written = target.count - Int(self.stream.pointee.avail_out)
        deflateReset(self.stream)
        return written
    }
}

@available(*, unavailable)
extension Deflater: Sendable {}
