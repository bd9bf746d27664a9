import NIOCore
import NIOSSL
import NIOTLS

/// Stands behind NIO's TLS handler, and makes of a TLS connection one that the handlers behind it need not tell from a plain one.
///
/// NIO's handler takes an end without `close_notify` for an error, and goes on reading after it was closed, until the peer has said
/// goodbye. Messages of HTTP/1.1 and WebSocket say themselves where they end.
final class TLSHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer

    /// Nil once the handshake is over.
    private var failed: ((any Error) -> Void)?
    private var isClosed = false

    /// - Parameter failed: called once at most, when the handshake does not come to its end.
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
            // The connection is closed by whoever reports this.
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
