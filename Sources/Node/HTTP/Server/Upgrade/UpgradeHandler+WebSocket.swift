import NIOCore
import NIOHTTP1

/// Accepts or refuses a handshake.
extension UpgradeHandler {
    /// Decides whether a client with a complete and valid handshake may connect. Until then nothing more is decoded or read.
    func admit(_ head: HTTPRequestHead, _ client: WebSocketHandshake.Client, context: ChannelHandlerContext) {
        self.handlers.reader.pause()
        self.state = .admission
        self.deadline?.cancel()
        self.webSockets.admit(head, client, on: context.eventLoop) { decision in
            // The client may have disconnected.
            guard case .admission = self.state, context.channel.isActive else { return }
            switch decision {
            case .success(let admitted): self.upgrade(head, for: admitted, context: context)
            case .failure(let refusal): self.refuse(refusal, head, context: context)
            }
        }
    }

    private func upgrade(_ head: HTTPRequestHead, for admitted: WebSocketAdmission.AdmittedClient, context: ChannelHandlerContext)
    {
        let pipeline = context.pipeline.syncOperations
        do {
            // Only HTTP connections may be half-closed. For a WebSocket, the end of input ends the connection.
            try context.channel.syncOptions?.setOption(.allowRemoteHalfClosure, value: false)
            let transport = self.webSockets.makeTransport(admitted, self.carrier)
            self.state = .webSocket
            try self.handlers.end(with: self.webSockets.response(to: head, for: admitted.client), context.channel)
            try pipeline.addHandler(transport, position: .after(self))
            pipeline.removeHandler(self, promise: nil)
            // Passes on the bytes that the client sent after its handshake.
            self.handlers.reader.leave()
        } catch {
            context.close(promise: nil)
        }
    }

    /// Answers a handshake that is refused, or a first request above a limit. The connection ends with this answer.
    func refuse(_ refusal: WebSocketHandshake.Refusal, _ request: HTTPRequestHead, context: ChannelHandlerContext) {
        self.state = .refused
        self.deadline?.cancel()
        self.webSockets.activity.handshakeRefused(refusal, request)
        let problem = refusal.problem
        let body = problem.json
        context.write(self.wrapOutboundOut(.head(problem.responseHead(bodyBytes: body.readableBytes))), promise: nil)
        if request.method != .HEAD {
            context.write(self.wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
        }
        let written = context.eventLoop.makePromise(of: Void.self)
        context.channel.closeOutput(when: written)
        self.handlers.reader.end(after: written.futureResult)
        context.writeAndFlush(self.wrapOutboundOut(.end(nil)), promise: written)
    }
}
