import NIOCore
import NIOHTTP1

/// The timeouts of HTTP clients after the head of a request: for the rest of its body, and for reading the answer.
///
/// ``UpgradeHandler`` has the timeout of the first head. ``RequestHandler`` has the timeout between requests, within which the
/// next head must be complete.
final class RequestDeadlines: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart

    /// The body did not arrive in time.
    struct BodyTimeout: Error {}

    private let bodyTimeout: TimeAmount
    private let answerTimeout: TimeAmount
    private var awaitsBody = false
    private var bodyDeadline: Scheduled<Void>?
    private var answerDeadline: Scheduled<Void>?

    /// - Parameters:
    ///   - bodyTimeout: maximum time from a request's head to its end. After it, ``BodyTimeout`` is sent through the pipeline.
    ///   - answerTimeout: maximum time for which the channel may be unwritable because the client does not read. After it, the
    ///     socket is closed.
    init(bodyTimeout: TimeAmount, answerTimeout: TimeAmount) {
        self.bodyTimeout = bodyTimeout
        self.answerTimeout = answerTimeout
    }

    // MARK: - The body

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch self.unwrapInboundIn(data) {
        case .head: self.awaitsBody = true
        case .body: break
        case .end:
            self.awaitsBody = false
            self.bodyDeadline?.cancel()
            self.bodyDeadline = nil
        }
        context.fireChannelRead(data)
    }

    /// Most requests are complete at the end of the read in which they began, and need no timer.
    func channelReadComplete(context: ChannelHandlerContext) {
        if self.awaitsBody, self.bodyDeadline == nil {
            self.bodyDeadline = context.eventLoop.assumeIsolated().scheduleTask(in: self.bodyTimeout) {
                self.awaitsBody = false
                context.fireErrorCaught(BodyTimeout())
            }
        }
        context.fireChannelReadComplete()
    }

    // MARK: - The answer

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        self.answerDeadline?.cancel()
        self.answerDeadline = nil
        if !context.channel.isWritable {
            self.answerDeadline = context.eventLoop.assumeIsolated().scheduleTask(in: self.answerTimeout) {
                context.close(promise: nil)
            }
        }
        context.fireChannelWritabilityChanged()
    }

    // MARK: - Life

    func channelInactive(context: ChannelHandlerContext) {
        self.cancel()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) { self.cancel() }

    private func cancel() {
        self.awaitsBody = false
        self.bodyDeadline?.cancel()
        self.answerDeadline?.cancel()
    }
}

@available(*, unavailable)
extension RequestDeadlines: Sendable {}
