import NIOCore
import NIOSSL
import NIOTLS

/// Follows NIO's TLS handler and makes a TLS connection behave like a plain one for the handlers after it.
///
/// NIO's handler reports an end without `close_notify` as an error, and still reads after `close` until the peer's
/// `close_notify`. HTTP/1.1 and WebSocket messages have their own lengths, so truncation is detected without it.
final class TLSHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer

    /// Nil once the handshake is over.
    private var failed: ((any Error) -> Void)?
    private var isClosed = false

    /// - Parameter failed: called at most once, when the TLS handshake fails.
    init(failed: @escaping (any Error) -> Void) {
        self.failed = failed
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted? = event as? TLSUserEvent { self.failed = nil }
        context.fireUserInboundEventTriggered(event)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if !self.isClosed { context.fireChannelRead(data) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if self.failed != nil {
            // `failed` closes the connection.
            self.handshakeFailed(error)
        } else if error as? NIOSSLError != .uncleanShutdown {
            context.fireErrorCaught(error)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.handshakeFailed(ChannelError.eof)
        context.fireChannelInactive()
    }

    private func handshakeFailed(_ error: any Error) {
        self.failed?(error)
        self.failed = nil
    }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        if mode == .all { self.isClosed = true }
        context.close(mode: mode, promise: promise)
    }
}

@available(*, unavailable)
extension TLSHandler: Sendable {}
