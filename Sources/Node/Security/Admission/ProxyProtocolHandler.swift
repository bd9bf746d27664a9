import NIOCore

/// Reads the PROXY header of a trusted proxy's connection, then removes itself from the pipeline. It precedes all other handlers,
/// including TLS.
///
/// A malformed header closes the connection.
final class ProxyProtocolHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private enum State {
        /// At most the largest header, plus the rest of the last read.
        case waiting(ByteBuffer)
        case passing
        case refused
    }

    private var state = State.waiting(ByteBuffer())
    private let received: (ProxyHeader?) -> Void

    /// - Parameter received: called at most once, on the event loop; nil for a malformed header, after which the connection is
    ///   closed.
    init(received: @escaping (ProxyHeader?) -> Void) {
        self.received = received
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch self.state {
        case .passing: context.fireChannelRead(data)
        case .refused: break
        case .waiting(var unread):
            unread.writeImmutableBuffer(self.unwrapInboundIn(data))
            do throws(ProxyHeader.Malformed) {
                guard let header = try ProxyHeader.next(&unread) else {
                    self.state = .waiting(unread)
                    return
                }
                self.pass(unread, behind: header, context: context)
            } catch {
                self.state = .refused
                self.received(nil)
                context.close(promise: nil)
            }
        }
    }

    private func pass(_ rest: ByteBuffer, behind header: ProxyHeader, context: ChannelHandlerContext) {
        self.state = .passing
        self.received(header)
        if rest.readableBytes > 0 { context.fireChannelRead(self.wrapInboundOut(rest)) }
        context.pipeline.syncOperations.removeHandler(self, promise: nil)
    }
}

@available(*, unavailable)
extension ProxyProtocolHandler: Sendable {}
