import NIOCore

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// The only way to write to the channel of one ``WebSocketTransport``. Belongs to the channel's event loop.
///
/// On a plain TCP socket, bytes go directly to the kernel. This bypasses the pipeline and the channel's write queue, whose
/// bookkeeping costs half as much as the kernel's work on a small message. Bytes that the kernel does not take are queued in
/// the channel. While the channel's queue is not empty, all writes go to that queue.
///
/// Each direct write checks that the channel is active. NIO closes the descriptor and marks the channel as inactive before it
/// calls any handler, so no byte reaches a descriptor that the system has given to another connection.
///
/// This is a value type: mutating functions do not call other objects, and functions that call other objects do not mutate.
/// Everything specific to a TCP channel is in this type, so that another kind of channel needs only another output type.
///
/// Between ``cork()`` and ``uncork()`` small writes are collected, so that the replies of one read leave in one write.
struct SocketOutput {
    /// Maximum of collected bytes: 64 KiB. Above it, copying costs more than another write.
    private static let maximumCorkedBytes = 64 * 1024

    /// nil once the channel is closed. Writes start at the handler's own context and skip all handlers after it.
    private var context: ChannelHandlerContext?
    /// nil with TLS, when the channel is not a TCP socket, and once the channel is closed.
    private var socket: DirectSocket?
    /// Collected writes. nil while the transport is not corked.
    private var corked: ByteBuffer?

    /// A closed output, for a transport that has no channel yet.
    init() {}

    /// - Parameter isPlain: whether no handler in the pipeline changes the bytes that are written.
    init(_ context: ChannelHandlerContext, isPlain: Bool) {
        self.context = context
        self.isWritable = context.channel.isWritable
        self.socket = isPlain ? DirectSocket(context.channel) : nil
    }

    var isClosed: Bool { self.context == nil }

    /// Whether writes can go directly to the kernel.
    var isDirect: Bool { self.socket != nil }

    /// False from the channel's high-water mark on, until the queue is below the low-water mark again. A copy, because each delivery
    /// reads it; the channel reports every change (``writabilityChanged()``).
    private(set) var isWritable = false

    /// Bytes queued in the channel because the kernel has not taken them.
    var unsentBytes: Int { (try? self.context?.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0 }

    mutating func writabilityChanged() { self.isWritable = self.context?.channel.isWritable ?? false }

    // MARK: - Writing

    /// Hands bytes to the kernel, or collects them while the transport is corked. Does not call other objects.
    /// - Parameter collects: false to send the bytes at once, after the bytes collected before.
    /// - Returns: the bytes that the kernel did not take, to be appended to ``queue``; nil if there are none.
    mutating func send(_ bytes: ByteBuffer, collects: Bool = true) -> ByteBuffer? {
        guard let collected = self.corked?.readableBytes else { return self.sendNow(bytes) }
        if collects, collected + bytes.readableBytes <= Self.maximumCorkedBytes {
            // A single reply, the most frequent case, is not copied.
            if collected == 0 { self.corked = bytes } else { self.corked?.writeImmutableBuffer(bytes) }
            return nil
        }
        guard collected > 0, var all = self.corked.take() else { return self.sendNow(bytes) }
        self.corked = ByteBuffer()
        all.writeImmutableBuffer(bytes)
        return self.sendNow(all)
    }

    /// Collects all writes until ``uncork()``. Does nothing on a corked transport.
    mutating func cork() {
        if self.corked == nil { self.corked = ByteBuffer() }
    }

    /// Sends the collected bytes. Later writes are sent at once.
    /// - Returns: as ``send(_:collects:)``.
    mutating func uncork() -> ByteBuffer? {
        guard let bytes = self.corked.take(), bytes.readableBytes > 0 else { return nil }
        return self.sendNow(bytes)
    }

    /// The channel's write queue. It is a value separate from the transport, because a write may call back and change the
    /// transport before it returns.
    struct Queue {
        fileprivate let context: ChannelHandlerContext?

        /// Writes behind all bytes queued in the channel.
        /// - Parameter written: completed when the bytes have been handed to the kernel, or the write has failed.
        func append(_ bytes: ByteBuffer, written: EventLoopPromise<Void>? = nil) {
            guard let context else {
                written?.fail(ChannelError.ioOnClosedChannel)
                return
            }
            context.writeAndFlush(NIOAny(bytes), promise: written)
        }
    }

    var queue: Queue { Queue(context: self.context) }

    private mutating func sendNow(_ bytes: ByteBuffer) -> ByteBuffer? {
        guard let taken = self.socket?.send(bytes), taken > 0 else { return bytes }
        guard taken < bytes.readableBytes else { return nil }
        return bytes.getSlice(at: bytes.readerIndex + taken, length: bytes.readableBytes - taken)
    }

    // MARK: - Reading and closing

    /// Requests a read through the pipeline. The transport may postpone it.
    func read() { self.context?.channel.read() }

    /// Reads without asking the transport.
    func readNow() { self.context?.read() }

    /// Closes the output half of the connection and waits for the client to close the other half. Closing a socket that still
    /// has unread input would reset it and could discard the last bytes written (RFC 6455 section 7.1.1).
    func closeOutput() { self.context?.close(mode: .output, promise: nil) }

    /// Closes the socket at once and discards all unsent bytes.
    func cut() { self.context?.close(mode: .all, promise: nil) }

    /// - Parameter body: called once the channel is closed.
    func whenClosed(_ body: @escaping @Sendable () -> Void) { self.context?.channel.closeFuture.whenComplete { _ in body() } }

    /// Uses the thread's shared receive buffer for this channel.
    func shareReceiveBuffer() { try? self.context?.channel.syncOptions?.shareReceiveBuffer() }

    /// Call when the channel is closed. Later writes are discarded.
    mutating func closed() {
        self.socket = nil
        self.context = nil
        self.isWritable = false
        self.corked = nil
    }
}

/// The descriptor of a plain TCP socket, for non-blocking `send`. Only ``SocketOutput`` uses it.
private struct DirectSocket {
    #if canImport(Glibc)
    private static let flags = CInt(MSG_DONTWAIT | MSG_NOSIGNAL)
    #else
    /// The channel has disabled SIGPIPE for the socket.
    private static let flags = CInt(MSG_DONTWAIT)
    #endif

    private let channel: any Channel
    private let descriptor: CInt
    /// Whether the channel's queue is known to be empty: it was empty at the last check, and the kernel took all bytes since.
    private var isFree = false

    /// - Returns: nil when the channel is not an open socket.
    init?(_ channel: any Channel) {
        // Equivalent to `withUnsafeTransportIfAvailable`, without a cast to a parameterized protocol, which costs 14,000
        // instructions at run time.
        guard let core = channel as? any NIOTransportAccessibleChannelCore, let handle = Self.handle(of: core) else { return nil }
        self.channel = channel
        self.descriptor = handle
    }

    private static func handle(of core: some NIOTransportAccessibleChannelCore) -> NIOBSDSocket.Handle? {
        (try? core.withUnsafeTransport { $0 as? NIOBSDSocket.Handle }) ?? nil
    }

    /// - Returns: the number of bytes the kernel took; 0 on an error, which the channel then encounters and handles itself.
    mutating func send(_ bytes: ByteBuffer) -> Int {
        guard self.channel.isActive else { return 0 }
        if !self.isFree {
            guard (try? self.channel.syncOptions?.getOption(.bufferedWritableBytes)) == 0 else { return 0 }
        }
        let taken = bytes.withUnsafeReadableBytes { bytes in
            #if canImport(Glibc)
            Glibc.send(self.descriptor, bytes.baseAddress, bytes.count, Self.flags)
            #else
            Darwin.send(self.descriptor, bytes.baseAddress, bytes.count, Self.flags)
            #endif
        }
        self.isFree = taken == bytes.readableBytes
        return max(0, taken)
    }
}
