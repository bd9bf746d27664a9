import NIOCore
import NIOHPACK
import NIOHTTP1
import NIOHTTP2

/// The request of one HTTP/2 stream as parts of an HTTP/1.1 request, and its answer as frames.
///
/// While the next handlers are full, at most the window of the stream is buffered (``HTTP2Settings/streamWindow``).
final class StreamRequests: ChannelDuplexHandler, RequestSource {
    typealias InboundIn = HTTP2Frame.FramePayload
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTP2Frame.FramePayload

    private let settings: HTTPSettings
    private let connection: HTTP2Connection
    private var context: ChannelHandlerContext?
    private var inbox = StreamInbox()
    private var hasHead = false
    /// Whether the answer has no body, although its fields may give the length of one (RFC 9110 section 9.3.2).
    private var isHead = false
    private var isInputEnded = false
    /// Whether further parts are dropped.
    private var isEnded = false
    /// The last part of the answer, kept so that it can carry END_STREAM.
    private var last: HTTP2Frame.FramePayload?
    /// Data that waits for the client's window.
    private var unsentFrames = 0
    /// The end of the answer, while data waits: see ``StreamEnds``.
    private var heldEnd: EventLoopPromise<Void>?
    /// Completed when the end of the answer was written; nil before the end.
    private var answered: EventLoopFuture<Void>?

    /// The window of the stream limits the bytes of a body.
    var bodyBytes = 0

    var isFull = false {
        didSet { if oldValue, !self.isFull { self.passHeld() } }
    }

    /// - Parameter connection: on the same event loop.
    init(settings: HTTPSettings, on connection: HTTP2Connection) {
        self.settings = settings
        self.connection = connection
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) {
        if !self.inbox.isEmpty { self.connection.windows.forgetWindow(of: context.channel) }
        self.context = nil
    }

    // MARK: - Reading

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch self.unwrapInboundIn(data) {
        case .headers(let block) where !self.isInputEnded: self.received(block, context)
        case .data(let frame) where !self.isInputEnded:
            if !self.isEnded, case .byteBuffer(let bytes) = frame.data, bytes.readableBytes > 0 { self.received(bytes, context) }
            if frame.endStream { self.inbox.isEnded = true }
            if self.inbox.isEmpty { self.endInput(context) }
        default: break
        }
    }

    private func received(_ bytes: ByteBuffer, _ context: ChannelHandlerContext) {
        let wasEmpty = self.inbox.isEmpty
        guard self.inbox.add(bytes) else {
            return context.writeAndFlush(self.wrapOutboundOut(.rstStream(.flowControlError)), promise: nil)
        }
        if !self.isFull {
            context.fireChannelRead(self.wrapInboundOut(.body(self.inbox.take())))
        } else if wasEmpty {
            self.connection.windows.holdWindow(of: context.channel)
        }
    }

    /// Passes on the held bytes, or drops them if the request has ended.
    private func passHeld() {
        guard !self.inbox.isEmpty, let context else { return }
        let bytes = self.inbox.take()
        self.connection.windows.releaseWindow(of: context.channel)
        if !self.isEnded { context.fireChannelRead(self.wrapInboundOut(.body(bytes))) }
        self.endInput(context)
        context.fireChannelReadComplete()
    }

    private func received(_ block: HTTP2Frame.FramePayload.Headers, _ context: ChannelHandlerContext) {
        // Fields after the body are not used.
        if !self.hasHead {
            self.hasHead = true
            self.isHead = block.headers.first(name: ":method") == "HEAD"
            do throws(HTTPErrorHandler.Fault) {
                var head = try HTTPRequestHead(block.headers, settings: self.settings)
                // The form that HTTP/1.1 has for a body of unknown length.
                if !block.endStream, !head.headers.contains(name: "content-length") {
                    head.headers.add(name: "transfer-encoding", value: "chunked")
                }
                context.fireChannelRead(self.wrapInboundOut(.head(head)))
            } catch {
                context.fireErrorCaught(error)
            }
        }
        if block.endStream { self.inbox.isEnded = true }
        if self.inbox.isEmpty { self.endInput(context) }
    }

    private func endInput(_ context: ChannelHandlerContext) {
        guard self.inbox.isEnded, !self.isInputEnded else { return }
        self.isInputEnded = true
        guard !self.isEnded else { return }
        context.fireChannelRead(self.wrapInboundOut(.end(nil)))
        context.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
    }

    /// A reset by the client, or another error of the stream. For the next handlers it is a lost connection.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.fireErrorCaught(error is any NIOHTTP2Error ? ChannelError.ioOnClosedChannel : error)
    }

    // MARK: - RequestSource

    /// The frames of a connection have turns, not those of a stream.
    var hasTurn: Bool { false }

    func end() {
        self.isEnded = true
        self.passHeld()
    }

    /// A client that has not sent all of its request is told to stop without an error (RFC 9113 section 8.1).
    func end(after answered: EventLoopFuture<Void>) {
        self.end()
        answered.assumeIsolated().whenComplete { _ in
            guard !self.isInputEnded, let context = self.context else { return }
            context.writeAndFlush(self.wrapOutboundOut(.rstStream(.noError)), promise: nil)
        }
    }

    // MARK: - Writing

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch self.unwrapOutboundIn(data) {
        case .head(let head):
            let frame = HTTP2Frame.FramePayload.headers(.init(headers: HPACKHeaders(head)))
            // An informational answer is followed by another head.
            guard head.status.code >= 200 else { return context.write(self.wrapOutboundOut(frame), promise: promise) }
            self.last = frame
            promise?.succeed()
        case .body(let body):
            if !self.isHead, body.readableBytes > 0 {
                self.writeLast(context)
                self.last = .data(.init(data: body))
            }
            promise?.succeed()
        case .end:
            let written = promise ?? context.eventLoop.makePromise(of: Void.self)
            self.answered = written.futureResult
            context.resetStream(unless: written.futureResult, within: self.settings.answerTimeout)
            if self.last == nil, self.unsentFrames > 0 {
                self.heldEnd = written
            } else {
                context.write(self.wrapOutboundOut(self.takeEnd(context, written)), promise: written)
            }
        }
    }

    private func takeEnd(_ context: ChannelHandlerContext, _ written: EventLoopPromise<Void>) -> HTTP2Frame.FramePayload {
        switch self.last.take() {
        case .headers(var block):
            block.endStream = true
            return .headers(block)
        case .data(var frame):
            frame.endStream = true
            return .data(frame)
        default:
            return self.connection.ends.end(of: context.channel, written: written.futureResult)
        }
    }

    private func writeLast(_ context: ChannelHandlerContext) {
        guard let frame = self.last.take() else { return }
        guard case .data = frame else { return context.write(self.wrapOutboundOut(frame), promise: nil) }
        self.unsentFrames += 1
        let written = context.eventLoop.makePromise(of: Void.self)
        written.futureResult.assumeIsolated().whenComplete { _ in
            self.unsentFrames -= 1
            guard self.unsentFrames == 0, let end = self.heldEnd.take() else { return }
            context.writeAndFlush(self.wrapOutboundOut(self.takeEnd(context, end)), promise: end)
        }
        context.write(self.wrapOutboundOut(frame), promise: written)
    }

    func flush(context: ChannelHandlerContext) {
        self.writeLast(context)
        context.flush()
    }

    /// The end of the answer has closed the node's half of the stream. A stream without a complete answer is reset.
    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        guard mode == .output, let answered else { return context.close(mode: .all, promise: promise) }
        if let promise { answered.cascade(to: promise) }
    }
}

@available(*, unavailable)
extension StreamRequests: Sendable {}
