import NIOCore
import NIOPosix

/// One receive buffer for all WebSockets of a thread, so that idle connections hold no buffer.
///
/// For channels whose first handler does not keep the buffers it receives, and calls ``giveBack(_:)``.
struct SharedReceiveAllocator: RecvByteBufferAllocator {
    /// Size of the buffer, and maximum of bytes per read: 256 KiB, the same as NIO's own maximum.
    private static let capacity = 256 * 1024

    private final class Spare: @unchecked Sendable {
        // Unchecked: each thread has its own instance.
        var buffer: ByteBuffer?

        init(_ buffer: ByteBuffer) {
            self.buffer = buffer
        }
    }

    private static let spare = ThreadSpecificVariable<Spare>()

    func buffer(allocator: ByteBufferAllocator) -> ByteBuffer {
        // If another reference to the buffer exists, a new buffer is allocated.
        if var spare = Self.spare.currentValue?.buffer.take(), spare.modifyIfUniquelyOwned({ $0.clear() }) != nil { return spare }
        return allocator.buffer(capacity: Self.capacity)
    }

    /// nil, and `record` returns true. Together these keep NIO from reusing the channel's own buffer.
    func nextBufferSize() -> Int? { nil }

    mutating func record(actualReadBytes: Int) -> Bool { true }

    /// Makes the buffer available to the thread's next read. That read uses it only if no other reference exists by then.
    static func giveBack(_ buffer: ByteBuffer) {
        guard buffer.storageCapacity == Self.capacity else { return }
        if let spare = self.spare.currentValue {
            spare.buffer = buffer
        } else {
            self.spare.currentValue = Spare(buffer)
        }
    }
}

extension NIOSynchronousChannelOptions {
    /// Receive settings for HTTP requests: small buffers that are released after use.
    /// - Parameter isPlain: false with TLS, whose handshake needs a larger first buffer.
    func receiveInSmallBuffers(isPlain: Bool) throws {
        try self.setOption(.recvAllocator, value: RequestReceiveAllocator(firstBytes: isPlain ? 256 : 2048))
        // One read per turn of the event loop, so that a node buffers at most one read of a client that keeps sending. NIO also
        // keeps this number of buffers.
        try self.setOption(.maxMessagesPerRead, value: 1)
    }

    /// From the read after the next one on, the channel keeps no buffer of its own except its first.
    func shareReceiveBuffer() throws {
        try self.setOption(.recvAllocator, value: SharedReceiveAllocator())
    }
}

/// Receive buffers of an HTTP connection, and of a WebSocket over TLS: small at first, then as large as the data, up to 64 KiB.
///
/// NIO never releases a channel's first buffer, and would let it grow. The first buffer holds a typical request of a program; a
/// browser's request takes a second read. The first buffer is reused for each read that fits into it, once no other reference
/// exists. Each larger read gets a new buffer, so that a connection that is idle or becomes a WebSocket keeps no memory of a
/// large request.
struct RequestReceiveAllocator: RecvByteBufferAllocator {
    private let firstBytes: Int
    private var sizes: AdaptiveRecvByteBufferAllocator

    init(firstBytes: Int) {
        self.firstBytes = firstBytes
        self.sizes = AdaptiveRecvByteBufferAllocator(minimum: 64, initial: firstBytes, maximum: 64 * 1024)
    }

    func buffer(allocator: ByteBufferAllocator) -> ByteBuffer { self.sizes.buffer(allocator: allocator) }

    /// nil above `firstBytes`. Together with `record`, which returns true, this makes NIO allocate a new buffer for such a read.
    func nextBufferSize() -> Int? { self.sizes.nextBufferSize().flatMap { $0 <= self.firstBytes ? $0 : nil } }

    mutating func record(actualReadBytes: Int) -> Bool {
        _ = self.sizes.record(actualReadBytes: actualReadBytes)
        return true
    }
}
