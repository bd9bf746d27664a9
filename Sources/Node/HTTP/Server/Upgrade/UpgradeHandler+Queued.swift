import NIOCore
import NIOHTTP1

/// Handshakes on a connection that has served requests. They wait for the answers to these.
extension UpgradeHandler {
    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        // A transport whose bytes go through the channel may write as soon as it is added, before this handler is removed.
        if case .webSocket = self.state { return context.write(data, promise: promise) }
        if case .end = self.unwrapOutboundIn(data) { self.unanswered -= 1 }
        context.write(data, promise: promise)
    }

    func flush(context: ChannelHandlerContext) {
        context.flush()
        guard case .queued(let head) = self.state, self.unanswered == 0 else { return }
        self.takeTurn(head, context)
        // The end of the handshake has arrived together with its head.
        if case .handshake(let head, let client) = self.state { self.admit(head, client, context: context) }
    }

    /// Handles the handshake like the first request of the connection. All earlier requests are answered.
    func takeTurn(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        self.handlers.removeRouting(context.channel)
        self.receivedFirst(head, context: context)
    }
}
