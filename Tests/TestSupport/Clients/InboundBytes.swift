import NIOCore

/// Passes on the bytes of a socket, and closes it after an error.
final class InboundBytes: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let received: (ByteBuffer) -> Void
    private let ended: () -> Void
    private let failed: (any Error) -> Void

    /// - Parameters:
    ///   - ended: called once, when the connection has ended.
    ///   - failed: called before the connection is closed because of the error.
    init(
        received: @escaping (ByteBuffer) -> Void,
        ended: @escaping () -> Void = {},
        failed: @escaping (any Error) -> Void = { _ in }
    ) {
        self.received = received
        self.ended = ended
        self.failed = failed
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { self.received(self.unwrapInboundIn(data)) }

    func channelInactive(context: ChannelHandlerContext) { self.ended() }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.failed(error)
        context.close(promise: nil)
    }
}

@available(*, unavailable)
extension InboundBytes: Sendable {}
