import NIOCore
import NIOHTTP1

/// Passes the requests of a connection one by one to the task that answers them, and writes its answers. The last handler of an
/// HTTP connection, or of an HTTP/2 stream.
///
/// Parts are buffered here until the task takes them: ``heldParts`` or ``heldBodyBytes``, plus those that the ``RequestSource`` decodes
/// at a time. Above that nothing is decoded or read. Answers are buffered in the channel only, see ``AnswerStream``.
final class RequestHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    /// A request, with its body if all of it came with the head.
    typealias Arrival = (head: HTTPRequestHead, body: ByteBuffer?)

    /// Number of buffered parts at which reading stops: 8, enough for a few short requests.
    static let heldParts = 8

    /// Number of buffered body bytes at which reading stops: 64 KiB, the same as one read.
    static let heldBodyBytes = 64 * 1024

    /// What the task waits for.
    enum Awaited {
        case nothing
        case request(CheckedContinuation<Arrival?, Never>)
        /// A part of the current request's body.
        case bodyPart(CheckedContinuation<ByteBuffer?, any Error>)
    }

    /// The state of the end of the connection.
    struct Ending {
        /// The connection ends as soon as all requests that have arrived are answered.
        var isStopping = false
        /// In addition, only the current request is answered.
        var isCut = false
        /// There are no further answers.
        var hasBegun = false
        /// All answers have been handed to the kernel, or their writes have failed.
        var isWritten = false
        /// Resumed when `isWritten` becomes true.
        var waiter: CheckedContinuation<Void, Never>?
    }

    let source: any RequestSource
    let settings: HTTPSettings
    var context: ChannelHandlerContext?
    var parts = RequestParts()
    var awaited = Awaited.nothing
    /// Whether the client waits for 100 Continue before it sends the body of the current request.
    var holdsBody = false
    /// The error after which no further parts come.
    var failure: (any Error)?
    var isInputClosed = false
    var ending = Ending()
    let idle: IdleTimer
    private var stream = AnswerStream()
    /// The route that is answering, if the client's disconnection cancels it.
    private var route: Task<Response, any Error>?
    /// Whether the client's closing of its half of the connection cancels it, too.
    private var endsWithInput = false

    /// - Parameters:
    ///   - source: provides the requests.
    ///   - settings: this uses the idle timeout between requests, the maximum body size, and the answer timeout, which also
    ///     limits silence in a streamed answer after the client has closed its half.
    init(source: any RequestSource, settings: HTTPSettings) {
        self.source = source
        self.settings = settings
        self.idle = IdleTimer(timeout: settings.idleTimeout)
    }

    // MARK: - For the task: answers

    /// Whether another request may follow the current one. This is not so if the rest of the body has not been read, and may
    /// never come (RFC 9110 section 10.1.1) or exceeds the limit, because the node would have to read and discard it.
    func mayContinue(after head: HTTPRequestHead) -> Bool {
        guard self.parts.lacksBody else { return true }
        guard !head.expectsContinue, let length = head.headers.only("content-length").flatMap({ Int($0) }) else { return false }
        return length <= self.settings.maximumBodyBytes
    }

    /// Cancels the route that is answering the current request as soon as the client has disconnected. A client that has only
    /// closed its half of the connection still gets the answer.
    /// - Parameter endsWithInput: whether a client of HTTP/1.1 that has closed its half counts as disconnected. A stream of HTTP/2 has this
    ///   half closed from the end of the request.
    func cancelOnDisconnect(_ route: Task<Response, any Error>, endsWithInput: Bool) {
        self.route = route
        self.endsWithInput = endsWithInput && self.source is RequestReader
        if self.context?.channel.isActive != true || self.endsWithInput && self.isInputClosed { route.cancel() }
    }

    /// Writes a complete answer.
    func answer(_ head: HTTPResponseHead, _ body: ByteBuffer) {
        self.route = nil
        guard let context else { return }
        context.write(self.wrapOutboundOut(.head(head)), promise: nil)
        if body.readableBytes > 0 { context.write(self.wrapOutboundOut(.body(.byteBuffer(body))), promise: nil) }
        context.writeAndFlush(self.wrapOutboundOut(.end(nil)), promise: nil)
    }

    /// Begins a streamed answer. ``finishAnswer()`` or ``abort()`` must follow.
    func beginAnswer(_ head: HTTPResponseHead) {
        self.route = nil
        self.stream.begin()
        self.context?.writeAndFlush(self.wrapOutboundOut(.head(head)), promise: nil)
        self.watchSilence()
    }

    /// Writes a piece of the streamed answer.
    /// - Parameter continuation: resumed when the channel has accepted the piece, which requires that the channel is writable.
    func write(_ piece: ByteBuffer, _ continuation: CheckedContinuation<Void, any Error>) {
        self.stream.append((piece, continuation))
        self.writePieces()
    }

    private func writePieces() {
        while let context, let piece = self.stream.next(isWritable: context.channel.isWritable) {
            context.writeAndFlush(self.wrapOutboundOut(.body(.byteBuffer(piece))), promise: nil)
        }
    }

    /// Detects a client that has disconnected after it closed its half, which only a write can show. If a streamed answer
    /// writes nothing for the answer timeout, the client counts as disconnected.
    private func watchSilence() {
        guard self.isInputClosed, self.stream.isStreaming, let context else { return }
        _ = self.stream.takeSilence()
        self.stream.silenceTimer?.cancel()
        self.stream.silenceTimer = context.eventLoop.assumeIsolated().scheduleTask(in: self.settings.answerTimeout) {
            if self.stream.isStreaming, self.stream.takeSilence() {
                self.stream.fail(ChannelError.ioOnClosedChannel)
            } else {
                self.watchSilence()
            }
        }
    }

    /// - Parameter continuation: see ``AnswerStream/waitForEnd(_:)``.
    func streamEnd(_ continuation: CheckedContinuation<Bool, Never>) { self.stream.waitForEnd(continuation) }

    /// Call when the producer of the answer has returned or thrown.
    func producerReturned() { self.stream.end() }

    /// Completes the streamed answer.
    func finishAnswer() { self.context?.writeAndFlush(self.wrapOutboundOut(.end(nil)), promise: nil) }

    /// Aborts the streamed answer. The connection ends without the end of the body, so that clients detect the truncation.
    func abort() { self.context?.close(promise: nil) }

    // MARK: - For the task: the end

    /// Call when there are no further answers.
    /// - Parameter continuation: resumed when all answers have been handed to the kernel, or their writes have failed.
    func end(_ continuation: CheckedContinuation<Void, Never>) {
        guard let context, !self.ending.hasBegun, !self.ending.isCut else {
            self.context?.close(promise: nil)
            return continuation.resume()
        }
        self.ending.hasBegun = true
        self.ending.waiter = continuation
        let written = context.eventLoop.makePromise(of: Void.self)
        written.futureResult.assumeIsolated().whenComplete { _ in
            self.answersAreOut()
            if self.ending.isStopping { context.close(promise: nil) }
        }
        self.source.end(after: written.futureResult)
        context.close(mode: .output, promise: written)
    }

    private func answersAreOut() {
        self.ending.isWritten = true
        self.ending.waiter?.resume()
        self.ending.waiter = nil
    }

    /// Ends the connection as soon as all requests that have arrived are answered.
    func stop() {
        self.ending.isStopping = true
        if self.ending.isWritten { self.context?.close(promise: nil) }
        self.deliver()
    }

    /// Ends the connection soon. If the current request's body is incomplete, it ends with a timeout error. A streamed answer is
    /// aborted, further requests are not answered, and later bytes of the client are dropped.
    func cut() {
        self.ending.isCut = true
        self.source.end()
        self.failure = self.failure ?? RequestDeadlines.BodyTimeout()
        self.stream.fail(CancellationError())
        self.stop()
        if self.ending.hasBegun { self.context?.close(promise: nil) }
    }

    // MARK: - Life

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        self.idle.start(context)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.clientLeft()
        self.answersAreOut()
        self.idle.cancel()
        self.stream.silenceTimer?.cancel()
        self.context = nil
        self.source.bodyBytes = 0
        self.source.isFull = false
    }

    func channelInactive(context: ChannelHandlerContext) { self.clientLeft() }

    private func clientLeft() {
        self.route?.cancel()
        self.stream.fail(ChannelError.ioOnClosedChannel)
        self.fail(ChannelError.ioOnClosedChannel)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { self.fail(error) }

    private func fail(_ error: any Error) {
        self.failure = self.failure ?? error
        self.deliver()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        self.writePieces()
        self.deliver()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case is ChannelShouldQuiesceEvent: self.stop()
        case ChannelEvent.inputClosed:
            self.isInputClosed = true
            if self.endsWithInput { self.route?.cancel() }
            self.watchSilence()
            self.deliver()
        default: break
        }
    }
}

@available(*, unavailable)
extension RequestHandler: Sendable {}
