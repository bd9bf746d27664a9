import NIOCore

/// Ends our half of a connection when everything that was written before is out.
///
/// A channel of which both halves are closed throws away what is unsent: a client that ends its half with its request would lose the
/// rest of a long answer.
final class HalfCloseHandler: ChannelOutboundHandler, RemovableChannelHandler {
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        guard mode == .output else { return context.close(mode: mode, promise: promise) }
        let written = context.eventLoop.makePromise(of: Void.self)
        let eventLoop = context.eventLoop.assumeIsolated()
        written.futureResult.assumeIsolated().whenComplete { _ in
            // Not within the write that has come to its end: what the close itself writes, TLS's goodbye, would not get out.
            eventLoop.execute { context.close(mode: .output, promise: promise) }
        }
        context.writeAndFlush(self.wrapOutboundOut(ByteBuffer()), promise: written)
    }
}

@available(*, unavailable)
extension HalfCloseHandler: Sendable {}

extension Channel {
    /// Ends our half of the connection when a write is out, for channels without a ``HalfCloseHandler``.
    func closeOutput(when written: EventLoopPromise<Void>) {
        written.futureResult.whenComplete { _ in
            // Not within the write that has come to its end: what the close itself writes, TLS's goodbye, would not get out.
            self.eventLoop.execute { self.close(mode: .output, promise: nil) }
        }
    }
}
