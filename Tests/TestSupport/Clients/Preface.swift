import NIOCore

/// Sends bytes before anything else, TLS included, like a proxy's header. The first handler of its channel.
final class Preface: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let bytes: [UInt8]

    init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    func channelActive(context: ChannelHandlerContext) {
        if !self.bytes.isEmpty { context.writeAndFlush(self.wrapOutboundOut(ByteBuffer(bytes: self.bytes)), promise: nil) }
        context.fireChannelActive()
    }
}
