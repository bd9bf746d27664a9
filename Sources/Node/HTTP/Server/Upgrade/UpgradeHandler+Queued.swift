import NIOCore
import NIOHTTP1

/// A handshake behind requests waits for its turn.
extension UpgradeHandler {
    /// A handshake behind requests that are not answered yet.
    struct Queued {
        let head: HTTPRequestHead
        var isWhole = false
        /// Or is to have one that does not come.
        var hasBody = false
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if case .end = self.unwrapOutboundIn(data) { self.unanswered -= 1 }
        context.write(data, promise: promise)
    }

    func flush(context: ChannelHandlerContext) {
        context.flush()
        self.takeTurn(context)
    }

    /// Once everything before it is answered, the handshake is the connection's first request again.
    func takeTurn(_ context: ChannelHandlerContext) {
        guard case .queued(let queued) = self.state, self.unanswered == 0 else { return }
        for handler in self.routing { context.pipeline.syncOperations.removeHandler(handler, promise: nil) }
        self.routing = []
        self.state = .waitingForHead
        self.setDeadline(self.timeout, context)
        self.receivedFirst(queued.head, context: context)
        guard case .handshake(let head, let client) = self.state else { return }
        if queued.hasBody {
            self.refuse(.hasBody, head, context: context)
        } else if queued.isWhole {
            self.admit(head, client, context: context)
        } else {
            self.reader.resume()
        }
    }
}
