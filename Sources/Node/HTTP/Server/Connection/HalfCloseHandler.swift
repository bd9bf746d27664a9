import NIOCore

/// Delays the closing of the output half of a connection until all earlier writes have completed.
///
/// A channel with both halves closed discards unsent bytes. A client that closes its half after its request would lose the rest
/// of a long answer.
final class HalfCloseHandler: ChannelOutboundHandler, RemovableChannelHandler {
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        guard mode == .output else { return context.close(mode: mode, promise: promise) }
        let written = context.eventLoop.makePromise(of: Void.self)
        let eventLoop = context.eventLoop.assumeIsolated()
        written.futureResult.assumeIsolated().whenComplete { _ in
            // Not within the completion of the write: bytes that the close itself writes (close_notify of TLS) would not be
            // sent.
            eventLoop.execute { context.close(mode: .output, promise: promise) }
        }
        context.writeAndFlush(self.wrapOutboundOut(ByteBuffer()), promise: written)
    }
}

@available(*, unavailable)
extension HalfCloseHandler: Sendable {}

extension Channel {
    /// Closes the output half of the connection when a write has completed, for channels without a ``HalfCloseHandler``.
    func closeOutput(when written: EventLoopPromise<Void>) {
        written.futureResult.whenComplete { _ in
            // Not within the completion of the write: bytes that the close itself writes (close_notify of TLS) would not be
            // sent.
            self.eventLoop.execute { self.close(mode: .output, promise: nil) }
        }
    }
}
