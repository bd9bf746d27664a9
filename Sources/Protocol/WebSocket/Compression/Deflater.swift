import CZlib
public import NIOCore

/// Compresses whole messages, each by itself (RFC 7692 section 7.2.1 without context takeover).
///
/// Takes 256 KiB of memory: all connections of an event loop share one. Not thread-safe.
public final class Deflater {
    /// Shorter messages are not compressed. A JSON text of 128 bytes shrinks by a quarter to a third, one of 64 bytes by a tenth.
    /// Both cost the same 4 us here, and more at the client.
    public static let minimumBytes = 128

    /// Longer messages are not compressed. 128 KiB take a millisecond, for which the event loop is blocked.
    public static let maximumBytes = 128 * 1024

    /// 3 of 9: on JSON texts of 16 KiB and 1 MiB it takes a third of the time of zlib's default, 6, and the output is a tenth
    /// longer.
    private static let level: Int32 = 3
    /// The end of what a flush writes. It is removed here; the receiver adds it again.
    private static let tailBytes = 4

    private let stream: UnsafeMutablePointer<z_stream>

    public init() {
        self.stream = .allocate(capacity: 1)
        self.stream.initialize(to: z_stream())
        let result = volary_deflate_init(self.stream, Self.level, -MAX_WBITS, 8)
        precondition(result == Z_OK, "zlib is out of memory, or its version does not match the build")
    }

    deinit {
        deflateEnd(self.stream)
        self.stream.deallocate()
    }

    /// - Returns: the payload of the compressed message; nil when it would not be shorter, or when the message is below
    ///   ``minimumBytes`` or above ``maximumBytes``.
    public func compress(_ message: ByteBuffer) -> ByteBuffer? {
        guard (Self.minimumBytes...Self.maximumBytes).contains(message.readableBytes) else { return nil }
        let room = message.readableBytes + Self.tailBytes
        var compressed = ByteBufferAllocator().buffer(capacity: room)
        compressed.writeWithUnsafeMutableBytes(minimumWritableBytes: room) { target in
            message.withUnsafeReadableBytes { source in
                self.deflate(source, into: UnsafeMutableRawBufferPointer(rebasing: target[..<room]))
            }
        }
        // zlib has finished if there is room left.
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
        // Fails only for invalid arguments. Too little room shows in `avail_out`.
        _ = CZlib.deflate(self.stream, Z_SYNC_FLUSH)
        let written = target.count - Int(self.stream.pointee.avail_out)
        deflateReset(self.stream)
        return written
    }
}

@available(*, unavailable)
extension Deflater: Sendable {}
