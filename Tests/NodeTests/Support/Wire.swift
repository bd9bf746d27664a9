import NIOCore

/// Stands at the socket's end of an embedded channel: counts reads, keeps half-closes, and can be a client that does not read.
final class Wire: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// Reads that reached the socket.
    private(set) var reads = 0
    /// Writes that reached the socket.
    private(set) var writes = 0
    /// Whether our half has been ended.
    private(set) var outputIsClosed = false
    private(set) var isClosed = false
    /// What is written waits: the peer does not read.
    var isStalled = false
    /// Called in the middle of each write.
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
        // HTTP's encoder writes another type than a WebSocket; here all are bytes.
        context.write(self.wrapOutboundOut(self.unwrapOutboundIn(data)), promise: promise)
    }

    func flush(context: ChannelHandlerContext) {
        if !self.isStalled { context.flush() }
    }

    /// An embedded channel knows no half-close.
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
