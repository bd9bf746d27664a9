import NIOCore
import NIOHTTP1

/// Hands the requests of a connection, one after the other, to the task that answers them, and writes its answers. The last handler of an
/// HTTP connection, or of a stream of HTTP/2.
///
/// Parts wait here until they are taken: those of ``heldParts``, and what the ``RequestSource`` decodes at a time. Beyond that it decodes and
/// reads nothing. Answers wait in the channel only: see ``AnswerStream``.
final class RequestHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    /// A request; its body, if all of it came with the head.
    typealias Arrival = (head: HTTPRequestHead, body: ByteBuffer?)

    /// With so many waiting, nothing more is read: the head and the end of a few short requests, or some pieces of a body.
    static let heldParts = 8

    /// How the connection ends.
    struct Ending {
        /// As soon as it owes no answer.
        var isStopping = false
        /// And no request that is not under way is answered.
        var isCut = false
        /// There are no more answers.
        var hasBegun = false
        /// All answers have left for the kernel, or never will.
        var isWritten = false
        /// Resumed with that.
        var waiter: CheckedContinuation<Void, Never>?
    }

    let source: any RequestSource
    let settings: HTTPSettings
    var context: ChannelHandlerContext?
    var parts = RequestParts()
    var awaitsRequest: CheckedContinuation<Arrival?, Never>?
    var awaitsBody: CheckedContinuation<ByteBuffer?, any Error>?
    /// The client holds back the body of the request that is under way until it is told to go on.
    var holdsBody = false
    /// Why nothing more comes.
    var failure: (any Error)?
    var isInputClosed = false
    var ending = Ending()
    let idle: IdleTimer
    private var stream = AnswerStream()
    private var silenceTimer: Scheduled<Void>?

    /// - Parameters:
    ///   - source: where the requests come from.
    ///   - settings: of these, the time from one answer to the next whole head, after which the connection is closed, the largest body, and the
    ///     time for which an answer may be silent whose client has ended its half.
    init(source: any RequestSource, settings: HTTPSettings) {
        self.source = source
        self.settings = settings
        self.idle = IdleTimer(timeout: settings.idleTimeout)
    }

    // MARK: - For the task: answers

    /// Whether the connection may have another request behind one that is answered now. Not when its body has not been read and may never
    /// come (RFC 9110 section 10.1.1), or is longer than any that is read: who has the rest of it thrown away has it thrown away for long.
    func mayGoOn(behind head: HTTPRequestHead) -> Bool {
        guard self.parts.lacksBody else { return true }
        guard !head.expectsContinue, let length = head.headers.only("content-length").flatMap({ Int($0) }) else { return false }
        return length <= self.settings.maximumBodyBytes
    }

    /// Writes a whole answer.
    func answer(_ head: HTTPResponseHead, _ body: ByteBuffer) {
        guard let context else { return }
        context.write(self.wrapOutboundOut(.head(head)), promise: nil)
        if body.readableBytes > 0 { context.write(self.wrapOutboundOut(.body(.byteBuffer(body))), promise: nil) }
        context.writeAndFlush(self.wrapOutboundOut(.end(nil)), promise: nil)
    }

    /// Begins an answer that streams. ``finishAnswer()`` or ``abort()`` must follow.
    func beginAnswer(_ head: HTTPResponseHead) {
        self.stream.begin()
        self.context?.writeAndFlush(self.wrapOutboundOut(.head(head)), promise: nil)
        self.watchSilence()
    }

    /// Writes a piece of the answer that streams.
    /// - Parameter continuation: resumed when the channel has it; until the channel is writable, it waits.
    func write(_ piece: ByteBuffer, _ continuation: CheckedContinuation<Void, any Error>) {
        self.stream.append((piece, continuation))
        self.writePieces()
    }

    private func writePieces() {
        while let context, let piece = self.stream.next(isWritable: context.channel.isWritable) {
            context.writeAndFlush(self.wrapOutboundOut(.body(.byteBuffer(piece))), promise: nil)
        }
    }

    /// A client that has ended its half may have left altogether, which only a write can tell: while the answer streams, it counts as gone when
    /// nothing has been written for the time of an answer.
    private func watchSilence() {
        guard self.isInputClosed, self.stream.isStreaming, let context else { return }
        _ = self.stream.takeSilence()
        self.silenceTimer?.cancel()
        self.silenceTimer = context.eventLoop.assumeIsolated().scheduleTask(in: self.settings.answerTimeout) {
            if self.stream.isStreaming, self.stream.takeSilence() {
                self.stream.fail(ChannelError.ioOnClosedChannel)
            } else {
                self.watchSilence()
            }
        }
    }

    /// - Parameter continuation: as of ``AnswerStream/waitForEnd(_:)``.
    func streamEnd(_ continuation: CheckedContinuation<Bool, Never>) { self.stream.waitForEnd(continuation) }

    /// The producer of the answer has returned or thrown.
    func producerReturned() { self.stream.end() }

    /// The answer that streams is whole.
    func finishAnswer() { self.context?.writeAndFlush(self.wrapOutboundOut(.end(nil)), promise: nil) }

    /// The answer that streams breaks off: the connection ends without the end of it, so that no client takes it for whole.
    func abort() { self.context?.close(promise: nil) }

    // MARK: - For the task: the end

    /// There are no more answers.
    /// - Parameter continuation: resumed when the last of them has left for the kernel, or never will.
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

    /// Ends the connection as soon as all that has come of requests is answered.
    func stop() {
        self.ending.isStopping = true
        if self.ending.isWritten { self.context?.close(promise: nil) }
        self.deliver()
    }

    /// As ``stop()``, but nobody is waited for any more: the request under way is told that its body has not come in time, an answer that streams
    /// breaks off, and others go without an answer.
    func cut() {
        self.ending.isCut = true
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
        self.silenceTimer?.cancel()
        self.context = nil
        self.source.bodyBytes = 0
        self.source.isFull = false
    }

    func channelInactive(context: ChannelHandlerContext) { self.clientLeft() }

    private func clientLeft() {
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
            self.watchSilence()
            self.deliver()
        default: break
        }
    }
}

@available(*, unavailable)
extension RequestHandler: Sendable {}
