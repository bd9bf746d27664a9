import NIOCore

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// The only way to write to the channel of one ``ClientTransport``: a TCP socket, or a stream of HTTP/2. Belongs to the channel's
/// event loop.
///
/// On a plain TCP socket, bytes go directly to the kernel. This bypasses the pipeline and the channel's write queue, whose
/// bookkeeping costs half as much as the kernel's work on a small message. Bytes that the kernel does not take are queued in
/// the channel. While the channel's queue is not empty, all writes go to that queue.
///
/// Each direct write checks that the channel is active. NIO closes the descriptor and marks the channel as inactive before it
/// calls any handler, so no byte reaches a descriptor that the system has given to another connection.
///
/// This is a value type: mutating functions do not call other objects, and functions that call other objects do not mutate.
/// Everything specific to a kind of channel is in this type.
///
/// Between ``cork()`` and ``uncork()`` small writes are collected, so that the replies of one read leave in one write.
struct SocketOutput {
    /// Maximum of collected bytes, besides a single reply: 64 KiB. Above it, copying costs more than another write.
    private static let maximumCorkedBytes = 64 * 1024

    /// nil once the channel is closed. Writes start at the handler's own context and skip all handlers after it.
    private var context: ChannelHandlerContext?
    /// nil with TLS, when the channel is not a TCP socket, and once the channel is closed.
    private var socket: DirectSocket?
    /// nil when the channel is a TCP socket. Kept when the channel is closed, for the messages that the client sent before.
    let turns: StreamTurns?
    /// nil most of the time. Then nothing is counted.
    private var backlog: WriteBacklog?
    private var uncountedWrites: UInt16 = 0
    private var isChannelWritable = false
    private let isPlainSocket: Bool
    /// Collected writes. nil while the transport is not corked.
    private var corked: ByteBuffer?

    /// A closed output, until its transport has a channel.
    init(_ carrier: WebSocketCarrier) {
        if case .stream(let turns) = carrier { self.turns = turns } else { self.turns = nil }
        if case .plainSocket = carrier { self.isPlainSocket = true } else { self.isPlainSocket = false }
    }

    /// - Parameter context: the transport's, in a channel of the kind that was given at first.
    mutating func open(_ context: ChannelHandlerContext) {
        self.context = context
        if self.isPlainSocket {
            self.socket = DirectSocket(context.channel)
            try? context.channel.syncOptions?.shareReceiveBuffer()
        }
        // The socket of a stream's connection may be full already.
        self.writabilityChanged()
    }

    var isClosed: Bool { self.context == nil }

    /// Whether writes can go directly to the kernel.
    var isDirect: Bool { self.socket != nil }

    /// False from the channel's high-water mark on, until the queue is below the low-water mark again, and while many small writes wait.
    /// Each delivery reads it, so the channel is not asked; it reports every change (``writabilityChanged()``), as the backlog does.
    var isWritable: Bool { self.isChannelWritable && self.backlog?.isBehind != true }

    /// Bytes queued in the channel because the kernel, or the client's window, has not taken them. Small writes count for more than
    /// their bytes (``WriteBacklog``).
    var unsentBytes: Int {
        let counted = self.backlog?.bytes ?? 0
        if self.turns != nil { return counted }
        return max(counted, (try? self.context?.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0)
    }

    mutating func writabilityChanged() {
        self.isChannelWritable = self.context?.channel.isWritable ?? false
        // The channel of a socket counts its bytes itself.
        if self.turns != nil, self.backlog == nil, !self.isChannelWritable { self.backlog = WriteBacklog() }
    }

    // MARK: - Writing

    /// Hands bytes to the kernel, or collects them while the transport is corked. Does not call other objects.
    /// - Parameter collects: false to send the bytes at once, after the bytes collected before.
    /// - Returns: the bytes that the kernel did not take, to be appended to ``queue``; nil if there are none.
    @inline(__always)
    mutating func send(_ bytes: ByteBuffer, collects: Bool = true) -> ByteBuffer? {
        // Each delivery comes here, so the frequent case is inlined and the other one is not.
        self.corked == nil ? self.sendNow(bytes) : self.collect(bytes, collects: collects)
    }

    /// ``send(_:collects:)`` while the transport is corked.
    @inline(never)
    private mutating func collect(_ bytes: ByteBuffer, collects: Bool) -> ByteBuffer? {
        let collected = self.corkedBytes
        if collects, collected + bytes.readableBytes <= Self.maximumCorkedBytes || (collected == 0 && self.isDirect) {
            // A single reply, the most frequent case, is not copied.
            if collected == 0 { self.corked = bytes } else { self.corked?.writeImmutableBuffer(bytes) }
            return nil
        }
        guard collected > 0, var all = self.corked.take() else { return self.sendNow(bytes) }
        self.corked = ByteBuffer()
        if collected > Self.maximumCorkedBytes {
            guard let rest = self.sendNow(all) else { return self.sendNow(bytes) }
            all = rest
        }
        all.writeImmutableBuffer(bytes)
        return collected > Self.maximumCorkedBytes ? all : self.sendNow(all)
    }

    /// Bytes that have been collected and not sent.
    var corkedBytes: Int { self.corked?.readableBytes ?? 0 }

    /// Collects all writes until ``uncork()``. Does nothing on a corked transport.
    mutating func cork() {
        if self.corked == nil { self.corked = ByteBuffer() }
    }

    /// Sends the collected bytes. Later writes are sent at once.
    /// - Parameter maximum: if there are more bytes, only so many of them are sent, unless the kernel takes fewer.
    /// - Returns: as ``send(_:collects:)``.
    mutating func uncork(atMost maximum: Int = .max) -> ByteBuffer? {
        guard let bytes = self.corked.take(), bytes.readableBytes > 0 else { return nil }
        var later = bytes
        guard bytes.readableBytes > maximum, let now = later.readSlice(length: maximum) else { return self.sendNow(bytes) }
        guard let rest = self.sendNow(now) else {
            self.corked = later
            return nil
        }
        return bytes.getSlice(at: later.readerIndex - rest.readableBytes, length: later.readableBytes + rest.readableBytes)
    }

    /// The channel's write queue. It is a value separate from the transport, because a write may call back and change the
    /// transport before it returns.
    struct Queue {
        fileprivate let context: ChannelHandlerContext?
        fileprivate let backlog: WriteBacklog?

        /// Writes behind all bytes queued in the channel.
        /// - Parameter written: completed when the bytes have been handed to the kernel, or the write has failed.
        @inline(__always)
        func append(_ bytes: ByteBuffer, written: EventLoopPromise<Void>? = nil) {
            guard let context else {
                written?.fail(ChannelError.ioOnClosedChannel)
                return
            }
            if let backlog { return Self.append(bytes, written, to: context, counted: backlog) }
            context.writeAndFlush(NIOAny(bytes), promise: written)
        }

        @inline(never)
        private static func append(
            _ bytes: ByteBuffer,
            _ written: EventLoopPromise<Void>?,
            to context: ChannelHandlerContext,
            counted backlog: WriteBacklog
        ) {
            let promise = backlog.count(bytes.readableBytes, written, on: context.eventLoop) {
                if context.channel.isActive { context.channel.pipeline.fireChannelWritabilityChanged() }
            }
            context.writeAndFlush(NIOAny(bytes), promise: promise)
            backlog.written()
        }
    }

    var queue: Queue { Queue(context: self.context, backlog: self.backlog) }

    @inline(__always)
    private mutating func sendNow(_ bytes: ByteBuffer) -> ByteBuffer? {
        let taken = self.socket?.send(bytes) ?? 0
        if taken > 0, taken == bytes.readableBytes { return nil }
        self.beginOrEndCounting()
        return taken > 0 ? bytes.getSlice(at: bytes.readerIndex + taken, length: bytes.readableBytes - taken) : bytes
    }

    @inline(__always)
    private mutating func beginOrEndCounting() {
        if let backlog {
            guard backlog.bytes == 0, self.isChannelWritable else { return }
            self.backlog = nil
            self.uncountedWrites = 0
        }
        self.uncountedWrites += 1
        if self.uncountedWrites == WriteBacklog.interval { self.backlog = WriteBacklog() }
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

    /// Call when the channel is closed. Later writes are discarded.
    mutating func closed() {
        self.socket = nil
        self.backlog = nil
        self.context = nil
        self.isChannelWritable = false
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
    @inline(__always)
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
