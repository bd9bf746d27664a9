import NIOCore

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// The only way of bytes to the channel of one ``WebSocketTransport``. Belongs to the channel's event loop.
///
/// On a plain TCP socket bytes go to the kernel directly, past the pipeline and the channel's queue of writes, whose bookkeeping
/// costs half as much as the kernel's work on a small message. What the kernel does not take waits in the channel; while anything
/// waits there, everything goes there.
///
/// Each direct write asks the channel whether it is active. NIO closes the descriptor and marks the channel as inactive before it
/// calls anything else, so no byte reaches a descriptor that belongs to another connection by then.
///
/// A value: functions that change it call nothing else, and those that call others change nothing. Whatever is special about a
/// TCP channel is asked for here, so that another kind of channel needs another output and the same transport.
///
/// Between ``cork()`` and ``uncork()`` small writes are collected: the replies of one read leave in one write.
struct SocketOutput {
    /// Collected at most: 64 KiB. From there on the bytes themselves cost more than another write.
    private static let maximumCorkedBytes = 64 * 1024

    /// Nil once the channel is closed. Writing from the handler's own context goes past all handlers behind it.
    private var context: ChannelHandlerContext?
    /// Nil where TLS has to encrypt what is written, where the channel is no TCP socket, and once it is closed.
    private var socket: DirectSocket?
    /// Collected writes. Nil while the transport is not corked.
    private var corked: ByteBuffer?

    /// Of no channel yet: closed.
    init() {}

    /// - Parameter isPlain: whether nothing in the pipeline changes what is written.
    init(_ context: ChannelHandlerContext, isPlain: Bool) {
        self.context = context
        self.isWritable = context.channel.isWritable
        self.socket = isPlain ? DirectSocket(context.channel) : nil
    }

    var isClosed: Bool { self.context == nil }

    /// Whether writes can go to the kernel directly.
    var isDirect: Bool { self.socket != nil }

    /// False above the channel's high-water mark, until it is below its low-water mark again. Kept here because each delivery asks
    /// for it; the channel reports every change of it (``writabilityChanged()``).
    private(set) var isWritable = false

    /// Bytes that wait in the channel because the kernel has not taken them.
    var unsentBytes: Int { (try? self.context?.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0 }

    mutating func writabilityChanged() { self.isWritable = self.context?.channel.isWritable ?? false }

    // MARK: - Writing

    /// Hands bytes to the kernel, or collects them while the transport is corked. Calls nothing of anybody else's.
    /// - Parameter collects: false: the bytes leave at once, behind what was collected.
    /// - Returns: what is left, for the ``queue``; nil for nothing.
    mutating func send(_ bytes: ByteBuffer, collects: Bool = true) -> ByteBuffer? {
        guard let collected = self.corked?.readableBytes else { return self.sendNow(bytes) }
        if collects, collected + bytes.readableBytes <= Self.maximumCorkedBytes {
            // A single reply, as most are, is not copied.
            if collected == 0 { self.corked = bytes } else { self.corked?.writeImmutableBuffer(bytes) }
            return nil
        }
        guard collected > 0, var all = self.corked.take() else { return self.sendNow(bytes) }
        self.corked = ByteBuffer()
        all.writeImmutableBuffer(bytes)
        return self.sendNow(all)
    }

    /// Collects what is sent from now on. Does nothing on a corked transport.
    mutating func cork() {
        if self.corked == nil { self.corked = ByteBuffer() }
    }

    /// Sends what was collected. What follows is sent at once.
    /// - Returns: as ``send(_:collects:)``.
    mutating func uncork() -> ByteBuffer? {
        guard let bytes = self.corked.take(), bytes.readableBytes > 0 else { return nil }
        return self.sendNow(bytes)
    }

    /// The channel's queue of writes. A value apart from the transport: a write to it may call back, and change the transport,
    /// before it returns.
    struct Queue {
        fileprivate let context: ChannelHandlerContext?

        /// Writes behind everything that waits in the channel.
        /// - Parameter written: completed when the bytes have left for the kernel, or never will.
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

    /// Reads on, if the transport itself lets it.
    func read() { self.context?.channel.read() }

    /// Reads on, without asking the transport.
    func readNow() { self.context?.read() }

    /// Ends our half, and leaves the client to end its own: closing a socket that still has unread input would reset it, and what
    /// was written last could be lost with it (RFC 6455 section 7.1.1).
    func closeOutput() { self.context?.close(mode: .output, promise: nil) }

    /// Closes the socket at once, with everything that is unsent.
    func cut() { self.context?.close(mode: .all, promise: nil) }

    /// - Parameter body: called once the channel is closed.
    func whenClosed(_ body: @escaping @Sendable () -> Void) { self.context?.channel.closeFuture.whenComplete { _ in body() } }

    /// Lets idle connections of a thread share a receive buffer.
    func shareReceiveBuffer() { try? self.context?.channel.syncOptions?.shareReceiveBuffer() }

    /// The channel is closed: what is sent from now on goes nowhere.
    mutating func closed() {
        self.socket = nil
        self.context = nil
        self.isWritable = false
        self.corked = nil
    }
}

/// The descriptor of a plain TCP socket, for `send` without waiting. Only ``SocketOutput`` has one.
private struct DirectSocket {
    #if canImport(Glibc)
    private static let flags = CInt(MSG_DONTWAIT | MSG_NOSIGNAL)
    #else
    /// The channel has turned the signal off.
    private static let flags = CInt(MSG_DONTWAIT)
    #endif

    private let channel: any Channel
    private let descriptor: CInt
    /// Nothing was waiting in the channel, and nothing has been handed to it since.
    private var isFree = false

    /// - Returns: nil when the channel is no open socket.
    init?(_ channel: any Channel) {
        // What `withUnsafeTransportIfAvailable` does, without a cast to a parameterized protocol: at run time that costs 14,000
        // instructions.
        guard let core = channel as? any NIOTransportAccessibleChannelCore, let handle = Self.handle(of: core) else { return nil }
        self.channel = channel
        self.descriptor = handle
    }

    private static func handle(of core: some NIOTransportAccessibleChannelCore) -> NIOBSDSocket.Handle? {
        (try? core.withUnsafeTransport { $0 as? NIOBSDSocket.Handle }) ?? nil
    }

    /// - Returns: how many bytes the kernel took. An error is a 0, too: the channel meets it again, and deals with it.
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
