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
    /// For a socket's first request. NIO never lets go of a channel's first buffer: this one holds what programs ask for, browsers take a
    /// second read, and those that follow grow as ever.
    func beginWithSmallReceiveBuffer() throws {
        try self.setOption(.recvAllocator, value: AdaptiveRecvByteBufferAllocator(minimum: 64, initial: 256, maximum: 64 * 1024))
    }

    /// After the read that follows, the channel keeps its first buffer and no other.
    func shareReceiveBuffer() throws {
        try self.setOption(.recvAllocator, value: SharedReceiveAllocator())
        // NIO keeps as many as it may read at once.
        try self.setOption(.maxMessagesPerRead, value: 1)
    }
}
