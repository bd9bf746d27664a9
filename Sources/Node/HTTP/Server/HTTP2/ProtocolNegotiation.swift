import NIOCore
import NIOTLS

/// Finds out whether a new connection speaks HTTP/2 or HTTP/1.1, and then removes itself. It is the last handler until then.
///
/// With TLS, ALPN decides (RFC 7301). Without TLS, the first bytes do: a client that knows that the node speaks HTTP/2 begins with
/// the connection preface (RFC 9113 section 3.3), which is no request of HTTP/1.1.
final class ProtocolNegotiation: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    enum Version {
        case http1
        case http2
    }

    /// RFC 9113 section 3.4: 24 bytes.
    private static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)

    private let isSecure: Bool
    private let timeout: TimeAmount
    private var end = NIODeadline.distantFuture
    private let decided: (Version, TimeAmount) throws -> Void
    private var timer: Scheduled<Void>?
    /// Without TLS: the bytes so far, fewer than the preface.
    private var received = ByteBuffer()
    private var isDecided = false

    /// - Parameters:
    ///   - isSecure: whether TLS handlers precede this one.
    ///   - timeout: maximum time until the version is known. After it the connection is closed.
    ///   - decided: called once, on the event loop; adds the handlers for the version. Gets the rest of the timeout.
    init(isSecure: Bool, timeout: TimeAmount, decided: @escaping (Version, TimeAmount) throws -> Void) {
        self.isSecure = isSecure
        self.timeout = timeout
        self.decided = decided
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.end = context.eventLoop.now + self.timeout
        self.timer = context.eventLoop.assumeIsolated().scheduleTask(deadline: self.end) { context.close(promise: nil) }
    }

    func handlerRemoved(context: ChannelHandlerContext) { self.timer?.cancel() }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case TLSUserEvent.handshakeCompleted(let version) where self.isSecure:
            self.decide(version == "h2" ? .http2 : .http1, context)
        // The server is stopping, or the client has closed its half. No request has begun.
        case is ChannelShouldQuiesceEvent, ChannelEvent.inputClosed: context.close(promise: nil)
        default: context.fireUserInboundEventTriggered(event)
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !self.isSecure, !self.isDecided else { return context.fireChannelRead(data) }
        self.received.writeImmutableBuffer(self.unwrapInboundIn(data))
        let first = self.received.readableBytesView.prefix(Self.preface.count)
        guard Self.preface.starts(with: first) else { return self.decide(.http1, context) }
        if first.count == Self.preface.count { self.decide(.http2, context) }
    }

    private func decide(_ version: Version, _ context: ChannelHandlerContext) {
        self.isDecided = true
        let received = self.received
        self.received = ByteBuffer()
        do {
            try self.decided(version, self.end - context.eventLoop.now)
        } catch {
            return context.close(promise: nil)
        }
        if received.readableBytes > 0 {
            // A write of the next handlers may fail. Then NIO reads the rest of the socket before it returns.
            context.fireChannelRead(self.wrapInboundOut(received))
            context.fireChannelReadComplete()
        }
        context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
    }
}

@available(*, unavailable)
extension ProtocolNegotiation: Sendable {}
