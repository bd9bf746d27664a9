import NIOCore
import NIOHTTP1

/// The times that HTTP clients are held to once a request has begun: for its body to arrive, and for its answer to be read.
///
/// ``UpgradeHandler`` has the time for the first head, and ``RequestHandler`` the one between requests, in which a further head must become
/// whole.
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
    ///   - bodyTimeout: from a request's head to its end; then ``BodyTimeout`` goes through the pipeline.
    ///   - answerTimeout: for a client to read on, once so much waits for it that the channel takes no more; then its socket is cut.
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

    /// Most requests are whole with the read that began them, and need no timer.
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
