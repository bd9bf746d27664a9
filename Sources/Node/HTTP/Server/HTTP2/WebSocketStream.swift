import NIOCore
import NIOHTTP2

/// The bytes of a WebSocket in the DATA frames of a stream (RFC 8441 section 5), or those of an event stream. Before the
/// ``WebSocketTransport`` or the ``EventStreamTransport``.
///
/// The end of the client's half (END_STREAM) does not end the stream: browsers send it with their close frame, and expect the answer
/// to it.
final class WebSocketStream: ChannelDuplexHandler {
    typealias InboundIn = HTTP2Frame.FramePayload
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = HTTP2Frame.FramePayload

    /// Time for a client to end its half after the node's: 1 s. Some clients never do. Then the stream is reset without an error.
    private static let lingerTime = TimeAmount.seconds(1)

    /// nil once the stream is closed.
    private var place: WebSocketPlace?
    private var inbox: StreamInbox
    /// Whether the transport reads.
    private var isRead = false
    private var isInputEnded = false
    private var isOutputEnded = false

    /// - Parameter inbox: what the client has sent during its handshake. Its window is held.
    init(_ place: WebSocketPlace, _ inbox: StreamInbox) {
        self.place = place
        self.inbox = inbox
    }

    // MARK: - Reading

    func handlerAdded(context: ChannelHandlerContext) { context.read() }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch self.unwrapInboundIn(data) {
        case .data(let frame):
            if case .byteBuffer(let bytes) = frame.data, bytes.readableBytes > 0 { self.received(bytes, context) }
            if frame.endStream { self.inbox.isEnded = true }
        case .headers(let trailers) where trailers.endStream: self.inbox.isEnded = true
        default: return
        }
        if self.inbox.isEmpty { self.endInput(context) }
    }

    private func received(_ bytes: ByteBuffer, _ context: ChannelHandlerContext) {
        let wasEmpty = self.inbox.isEmpty
        guard self.inbox.add(bytes) else {
            return context.writeAndFlush(self.wrapOutboundOut(.rstStream(.flowControlError)), promise: nil)
        }
        if self.isRead {
            context.fireChannelRead(self.wrapInboundOut(self.inbox.take()))
        } else if wasEmpty {
            self.place?.windows.holdWindow(of: context.channel)
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        self.isRead = false
        context.fireChannelReadComplete()
        // Also when the transport does not read.
        context.read()
    }

    func read(context: ChannelHandlerContext) {
        self.isRead = true
        let hasEnd = self.inbox.isEnded && !self.isInputEnded
        guard !self.inbox.isEmpty || hasEnd else { return }
        if !self.inbox.isEmpty {
            self.place?.windows.releaseWindow(of: context.channel)
            context.fireChannelRead(self.wrapInboundOut(self.inbox.take()))
        }
        self.endInput(context)
        self.isRead = false
        context.fireChannelReadComplete()
        // As the channel does after each read.
        context.channel.read()
    }

    private func endInput(_ context: ChannelHandlerContext) {
        guard self.inbox.isEnded, !self.isInputEnded else { return }
        self.isInputEnded = true
        context.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
    }

    // MARK: - Writing

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        let frame = HTTP2Frame.FramePayload.Data(data: .byteBuffer(self.unwrapOutboundIn(data)))
        context.write(self.wrapOutboundOut(.data(frame)), promise: promise)
    }

    /// NIO would reset the stream for both modes.
    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        guard mode == .output else { return context.close(mode: mode, promise: promise) }
        guard !self.isOutputEnded else {
            promise?.fail(ChannelError.outputClosed)
            return
        }
        self.isOutputEnded = true
        let written = promise ?? context.eventLoop.makePromise(of: Void.self)
        // A reset discards unsent frames.
        written.futureResult.assumeIsolated().whenSuccess { self.awaitEndOfInput(context) }
        guard let place = self.place else { return written.fail(ChannelError.ioOnClosedChannel) }
        let end = place.ends.end(of: context.channel, written: written.futureResult)
        context.writeAndFlush(self.wrapOutboundOut(end), promise: written)
    }

    private func awaitEndOfInput(_ context: ChannelHandlerContext) {
        guard !self.isInputEnded, context.channel.isActive else { return }
        // Not cancelled: it keeps a closed stream for a second, which costs less than a place for it in each open one.
        context.eventLoop.assumeIsolated().scheduleTask(in: Self.lingerTime) {
            guard context.channel.isActive else { return }
            context.writeAndFlush(self.wrapOutboundOut(.rstStream(.noError)), promise: nil)
        }
    }

    // MARK: - The end

    /// The transport judges what a client has said before it left.
    func channelInactive(context: ChannelHandlerContext) {
        if !self.inbox.isEmpty {
            self.place?.windows.forgetWindow(of: context.channel)
            context.fireChannelRead(self.wrapInboundOut(self.inbox.take()))
        }
        self.end(context)
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) { self.end(context) }

    private func end(_ context: ChannelHandlerContext) {
        guard let place = self.place.take() else { return }
        if !self.inbox.isEmpty { place.windows.forgetWindow(of: context.channel) }
        place.release()
    }
}

@available(*, unavailable)
extension WebSocketStream: Sendable {}
