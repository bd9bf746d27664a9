import NIOCore
import NIOHTTP2

/// What the streams of one HTTP/2 connection share: the limit of requests, the time for the first request, and the end of the
/// connection. Between NIO's HTTP/2 handler and its connection management, on the connection's event loop.
final class HTTP2Connection: ChannelDuplexHandler {
    typealias InboundIn = HTTP2Frame
    typealias InboundOut = HTTP2Frame
    typealias OutboundIn = HTTP2Frame
    typealias OutboundOut = HTTP2Frame

    /// Time for a client to acknowledge the end of a connection without streams: 2 s. Then it is closed.
    private static let closeTime = TimeAmount.seconds(2)

    let place: ConnectionSlot
    /// The windows of the streams.
    let windows: FrameGatherer
    let turns: StreamTurns
    let ends = StreamEnds()
    private let firstRequestTimeout: TimeAmount
    private let answerTimeout: TimeAmount
    private let siblings: HTTP2Connections
    private var context: ChannelHandlerContext?
    private var deadline: Scheduled<Void>?
    private var stall: Scheduled<Void>?
    private var streams = 0
    private var requests = 0
    private var isEnding = false

    /// - Parameters:
    ///   - place: the slot of the socket.
    ///   - windows: in the same channel.
    ///   - turns: of the connection's frames and streams.
    ///   - firstRequestTimeout: maximum time until the first stream.
    ///   - answerTimeout: maximum time for which the client may not read while bytes wait for it. NIO holds back even resets then, so
    ///     that no stream ends.
    ///   - siblings: all connections of the node.
    init(
        place: ConnectionSlot,
        windows: FrameGatherer,
        turns: StreamTurns,
        firstRequestTimeout: TimeAmount,
        answerTimeout: TimeAmount,
        siblings: HTTP2Connections
    ) {
        self.place = place
        self.windows = windows
        self.turns = turns
        self.firstRequestTimeout = firstRequestTimeout
        self.answerTimeout = answerTimeout
        self.siblings = siblings
    }

    /// Starts the idle timer of the connection management, which is added to a channel that is active already.
    func begin() { self.context?.fireChannelActive() }

    // MARK: - For the streams

    /// Call with each new stream. Frames without one (settings, pings) are no request: NIO's idle time begins with the end of a stream.
    func streamBegan() {
        guard !self.isEnding else { return }
        self.deadline?.cancel()
        self.deadline = nil
    }

    /// Counts a stream with a WebSocket handshake. ``webSocketEnded()`` must follow.
    func webSocketBegan() { self.streams += 1 }

    func webSocketEnded() { self.streams -= 1 }

    /// Counts a stream with any other request until its channel is closed.
    /// - Returns: false above the limit: the stream must be refused.
    func requestBegan(on stream: any Channel) -> Bool {
        guard self.requests < HTTP2Settings.maximumRequests else { return false }
        self.streams += 1
        self.requests += 1
        stream.closeFuture.assumeIsolated().whenComplete { _ in
            self.streams -= 1
            self.requests -= 1
        }
        return true
    }

    /// Tells the client to use another connection for further requests (RFC 9113 section 6.8). The streams go on.
    func acceptNoFurtherStreams() {
        guard !self.isEnding else { return }
        // The connection management begins the end of a connection with this event. The streams do not get it from here.
        self.context?.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent())
    }

    // MARK: - Life

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        self.siblings.add(self, on: context.eventLoop)
        self.deadline = context.eventLoop.assumeIsolated().scheduleTask(in: self.firstRequestTimeout) {
            context.close(promise: nil)
        }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        self.siblings.remove(self)
        self.deadline?.cancel()
        self.stall?.cancel()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        self.stall?.cancel()
        self.stall = nil
        if !context.channel.isWritable {
            self.stall = context.eventLoop.assumeIsolated().scheduleTask(in: self.answerTimeout) { context.close(promise: nil) }
        }
        context.fireChannelWritabilityChanged()
    }

    /// ``FrameGatherer`` closes the connection after an error of the connection, and NIO resets a stream after an error of the stream.
    /// Other errors are those of the socket and of TLS.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if !(error is any NIOHTTP2Error) { context.close(promise: nil) }
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if case .goAway = self.unwrapOutboundIn(data).payload, !self.isEnding {
            self.isEnding = true
            self.closeWithoutStreams(context)
        }
        context.write(data, promise: promise)
    }

    /// The connection management waits for the client's acknowledgment without a limit.
    private func closeWithoutStreams(_ context: ChannelHandlerContext) {
        self.deadline?.cancel()
        self.deadline = context.eventLoop.assumeIsolated().scheduleTask(in: Self.closeTime) {
            if self.streams == 0 { context.close(promise: nil) } else { self.closeWithoutStreams(context) }
        }
    }
}

@available(*, unavailable)
extension HTTP2Connection: Sendable {}
