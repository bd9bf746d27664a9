import NIOCore

/// The socket end of an embedded channel. It counts reads, records half-closes, and can simulate a client that does not read.
final class Wire: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// Number of reads that reached the socket.
    private(set) var reads = 0
    /// Number of writes that reached the socket.
    private(set) var writes = 0
    /// Whether the server's half has been closed.
    private(set) var outputIsClosed = false
    private(set) var isClosed = false
    /// Whether writes wait because the peer does not read.
    var isStalled = false
    /// Called during each write.
    var onWrite: () -> Void = {}

    func read(context: ChannelHandlerContext) {
        self.reads += 1
        context.read()
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        self.writes += 1
        self.onWrite()
        guard !self.outputIsClosed else {
            promise?.fail(ChannelError.outputClosed)
            return
        }
        // The HTTP encoder writes another type than a WebSocket. Here both become bytes.
        context.write(self.wrapOutboundOut(self.unwrapOutboundIn(data)), promise: promise)
    }

    func flush(context: ChannelHandlerContext) {
        if !self.isStalled { context.flush() }
    }

    /// Embedded channels do not support half-close.
    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        guard case .output = mode else {
            self.isClosed = true
            context.close(mode: mode, promise: promise)
            return
        }
        self.outputIsClosed = true
        promise?.succeed()
    }
}

@available(*, unavailable)
extension Wire: Sendable {}
