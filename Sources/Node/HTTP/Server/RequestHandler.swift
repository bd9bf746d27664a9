import NIOCore
import NIOHTTP1

/// Hands the requests of a connection, one after the other, to the task that answers them, and writes its answers. The last handler of an
/// HTTP connection.
///
/// Parts wait here until they are taken: those of ``heldParts``, and what the ``RequestReader`` decodes at a time. Beyond that it decodes and
/// reads nothing.
final class RequestHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    /// A request; its body, if all of it came with the head.
    typealias Arrival = (head: HTTPRequestHead, body: ByteBuffer?)

    /// With so many waiting, nothing more is read: the head and the end of a few short requests, or some pieces of a body.
    private static let heldParts = 8

    private let reader: RequestReader
    private let idleTimeout: TimeAmount
    private let maximumBodyBytes: Int
    private var context: ChannelHandlerContext?
    private var parts = RequestParts()
    private var awaitsRequest: CheckedContinuation<Arrival?, Never>?
    private var awaitsBody: CheckedContinuation<ByteBuffer?, any Error>?
    private var awaitsEnd: CheckedContinuation<Void, Never>?
    /// The client holds back the body of the request that is under way until it is told to go on.
    private var holdsBody = false
    /// Why nothing more comes.
    private var failure: (any Error)?
    private var isInputClosed = false
    /// The connection is to end as soon as it owes no answer.
    private var isStopping = false
    /// And no request that is not under way is answered.
    private var isCut = false
    private var hasEnded = false
    /// All answers have left for the kernel, or never will.
    private var isWritten = false
    /// Nil while a request is under way.
    private var idleSince: NIODeadline?
    private var idleTimer: Scheduled<Void>?

    /// - Parameters:
    ///   - reader: where the requests come from.
    ///   - settings: of these, the time from one answer to the next whole head, after which the connection is closed, and the largest body.
    init(reader: RequestReader, settings: HTTPSettings) {
        self.reader = reader
        self.idleTimeout = settings.idleTimeout
        self.maximumBodyBytes = settings.maximumBodyBytes
    }

    // MARK: - For the task

    /// - Parameter continuation: gets nil when no request will come any more.
    func next(_ continuation: CheckedContinuation<Arrival?, Never>) {
        self.awaitsRequest = continuation
        self.deliver()
    }

    /// Tells a client to go on that holds its body back: whatever its head alone decides is decided by now.
    /// - Parameter continuation: gets nil at the body's end.
    func nextBodyPart(_ continuation: CheckedContinuation<ByteBuffer?, any Error>) {
        self.awaitsBody = continuation
        self.deliver()
        guard self.awaitsBody != nil, self.holdsBody, let context else { return }
        self.holdsBody = false
        context.writeAndFlush(self.wrapOutboundOut(.head(.init(version: .http1_1, status: .continue))), promise: nil)
    }

    /// Whether the connection may have another request behind one that is answered now. Not when its body has not been read and may never
    /// come (RFC 9110 section 10.1.1), or is longer than any that is read: who has the rest of it thrown away has it thrown away for long.
    func mayGoOn(behind head: HTTPRequestHead) -> Bool {
        guard self.parts.lacksBody else { return true }
        guard !head.expectsContinue, let length = head.headers.only("content-length").flatMap({ Int($0) }) else { return false }
        return length <= self.maximumBodyBytes
    }

    func answer(_ head: HTTPResponseHead, _ body: ByteBuffer) {
        guard let context else { return }
        context.write(self.wrapOutboundOut(.head(head)), promise: nil)
        if body.readableBytes > 0 { context.write(self.wrapOutboundOut(.body(.byteBuffer(body))), promise: nil) }
        context.writeAndFlush(self.wrapOutboundOut(.end(nil)), promise: nil)
    }

    /// There are no more answers.
    /// - Parameter continuation: resumed when the last of them has left for the kernel, or never will.
    func end(_ continuation: CheckedContinuation<Void, Never>) {
        guard let context, !self.hasEnded, !self.isCut else {
            self.context?.close(promise: nil)
            return continuation.resume()
        }
        self.hasEnded = true
        self.awaitsEnd = continuation
        let written = context.eventLoop.makePromise(of: Void.self)
        written.futureResult.assumeIsolated().whenComplete { _ in
            self.answersAreOut()
            if self.isStopping { context.close(promise: nil) }
        }
        self.reader.end(after: written.futureResult)
        context.close(mode: .output, promise: written)
    }

    private func answersAreOut() {
        self.isWritten = true
        self.awaitsEnd?.resume()
        self.awaitsEnd = nil
    }

    /// Ends the connection as soon as all that has come of requests is answered.
    func stop() {
        self.isStopping = true
        if self.isWritten { self.context?.close(promise: nil) }
        self.deliver()
    }

    /// As ``stop()``, but nobody is waited for any more: the request under way is told that its body has not come in time, and others go
    /// without an answer.
    func cut() {
        self.isCut = true
        self.failure = self.failure ?? RequestDeadlines.BodyTimeout()
        self.stop()
        if self.hasEnded { self.context?.close(promise: nil) }
    }

    // MARK: - Reading

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !self.hasEnded else { return }
        self.parts.append(self.unwrapInboundIn(data))
        self.bound()
    }

    /// Not before: most bodies come with their heads, and then nobody has to wait for them.
    func channelReadComplete(context: ChannelHandlerContext) { self.deliver() }

    /// Has the reader keep what the request may have that is being answered, or that will be next: one body in all.
    private func bound() {
        let isFirst = self.parts.requests == 0 || self.parts.requests == 1 && self.awaitsRequest != nil
        self.reader.bodyBytes = isFirst ? self.parts.arrivedBodyBytes.map { max(0, self.maximumBodyBytes - $0) } ?? 0 : 0
        self.reader.isFull = self.parts.count >= Self.heldParts
    }

    private func deliver() {
        self.deliverParts()
        self.bound()
    }

    private func deliverParts() {
        if let continuation = self.awaitsBody {
            if let bytes = self.parts.takeBodyPart() {
                self.awaitsBody = nil
                self.holdsBody = false
                continuation.resume(returning: bytes)
            } else if !self.parts.isBodyOpen {
                self.awaitsBody = nil
                continuation.resume(returning: nil)
            } else if let failure {
                self.awaitsBody = nil
                continuation.resume(throwing: failure)
            }
        } else if let continuation = self.awaitsRequest {
            self.deliverRequest(to: continuation)
        }
    }

    private func deliverRequest(to continuation: CheckedContinuation<Arrival?, Never>) {
        let channel = self.context?.channel
        let isActive = channel?.isActive ?? false
        if self.isCut {
            self.awaitsRequest = nil
            return continuation.resume(returning: nil)
        }
        // A client that does not read its answers gets no more of them.
        guard !isActive || channel?.isWritable == true else { return }
        if isActive, let arrival = self.parts.takeRequest() {
            self.awaitsRequest = nil
            self.idleSince = nil
            self.holdsBody = arrival.body == nil && arrival.head.expectsContinue
            continuation.resume(returning: arrival)
        } else if !isActive || self.failure != nil || self.isInputClosed || self.isStopping {
            self.awaitsRequest = nil
            continuation.resume(returning: nil)
        } else if self.idleSince == nil {
            self.idleSince = .now()
        }
    }

    // MARK: - Life

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        self.idleSince = .now()
        self.watch(context, for: self.idleTimeout)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.fail(ChannelError.ioOnClosedChannel)
        self.answersAreOut()
        self.idleTimer?.cancel()
        self.context = nil
        self.reader.bodyBytes = 0
        self.reader.isFull = false
    }

    func channelInactive(context: ChannelHandlerContext) { self.fail(ChannelError.ioOnClosedChannel) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { self.fail(error) }

    private func fail(_ error: any Error) {
        self.failure = self.failure ?? error
        self.deliver()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) { self.deliver() }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case is ChannelShouldQuiesceEvent: self.stop()
        case ChannelEvent.inputClosed:
            self.isInputClosed = true
            self.deliver()
        default: break
        }
    }

    /// One timer for as long as the connection lasts, set anew when it goes off.
    private func watch(_ context: ChannelHandlerContext, for time: TimeAmount) {
        self.idleTimer = context.eventLoop.assumeIsolated().scheduleTask(in: time) {
            guard let idleSince = self.idleSince else { return self.watch(context, for: self.idleTimeout) }
            let rest = idleSince + self.idleTimeout - .now()
            if rest > .zero { self.watch(context, for: rest) } else { context.close(promise: nil) }
        }
    }
}

@available(*, unavailable)
extension RequestHandler: Sendable {}
