import NIOCore
import NIOPosix

/// One receive buffer for all WebSockets of a thread: a connection that says nothing holds none.
///
/// For channels whose first handler keeps nothing of what it is given, and calls ``giveBack(_:)``.
struct SharedReceiveAllocator: RecvByteBufferAllocator {
    /// What one read takes at most: as much as NIO reads at once into buffers of its own.
    private static let capacity = 256 * 1024

    private final class Spare: @unchecked Sendable {
        // Unchecked: each thread has its own.
        var buffer: ByteBuffer?

        init(_ buffer: ByteBuffer) {
            self.buffer = buffer
        }
    }

    private static let spare = ThreadSpecificVariable<Spare>()

    func buffer(allocator: ByteBufferAllocator) -> ByteBuffer {
        // Kept by somebody all the same: then it is theirs.
        if var spare = Self.spare.currentValue?.buffer.take(), spare.modifyIfUniquelyOwned({ $0.clear() }) != nil { return spare }
        return allocator.buffer(capacity: Self.capacity)
    }

    /// Nil, as the next is true: the channel shall not use what it used before.
    func nextBufferSize() -> Int? { nil }

    mutating func record(actualReadBytes: Int) -> Bool { true }

    /// Lets the thread's next read use the buffer, if nobody holds it any more by then.
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
    /// For requests: what has been read is kept by nobody but who uses it.
    /// - Parameter isPlain: a TLS handshake is longer than a first request.
    func receiveInSmallBuffers(isPlain: Bool) throws {
        try self.setOption(.recvAllocator, value: RequestReceiveAllocator(firstBytes: isPlain ? 256 : 2048))
        // Of each turn of the event loop: what a node keeps of a client that sends on is one read. NIO keeps as many buffers,
        // too.
        try self.setOption(.maxMessagesPerRead, value: 1)
    }

    /// After the read that follows, the channel keeps its first buffer and no other.
    func shareReceiveBuffer() throws {
        try self.setOption(.recvAllocator, value: SharedReceiveAllocator())
    }
}

/// Buffers for the reads of an HTTP connection, and of a WebSocket behind TLS: a small one first, and then as large as what
/// comes, up to 64 KiB.
///
/// NIO never lets go of a channel's first buffer, and would let it grow: this one holds what programs ask for, browsers take a
/// second read. It serves again for each read that fits into it, once nobody holds it any more. Each larger read has a buffer of
/// its own, so that a connection that is idle, or becomes a WebSocket, keeps nothing of a large request.
struct RequestReceiveAllocator: RecvByteBufferAllocator {
    private let firstBytes: Int
    private var sizes: AdaptiveRecvByteBufferAllocator

    init(firstBytes: Int) {
        self.firstBytes = firstBytes
        self.sizes = AdaptiveRecvByteBufferAllocator(minimum: 64, initial: firstBytes, maximum: 64 * 1024)
    }

    func buffer(allocator: ByteBufferAllocator) -> ByteBuffer { self.sizes.buffer(allocator: allocator) }

    /// Nil, as the next is true: the channel shall not use what it used before.
    func nextBufferSize() -> Int? { self.sizes.nextBufferSize().flatMap { $0 <= self.firstBytes ? $0 : nil } }

    mutating func record(actualReadBytes: Int) -> Bool {
        _ = self.sizes.record(actualReadBytes: actualReadBytes)
        return true
    }
}
