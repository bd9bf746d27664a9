import NIOCore
import NIOHTTP1

/// Handshakes that wait for the answers to earlier requests.
extension UpgradeHandler {
    /// A handshake after requests that are not completely answered.
    struct Queued {
        let head: HTTPRequestHead
        var isWhole = false
        /// Whether the handshake has a body, or declares one that does not arrive.
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

    /// Handles the handshake like the first request of the connection, once all earlier requests are answered.
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
