import NIOCore
import NIOHTTP1

/// Accepts or refuses a handshake.
extension UpgradeHandler {
    /// Maximum delay of a handshake by Redis: 250 ms, the time of many round trips. Without Redis clients can connect
    /// nevertheless.
    private static let admissionTime = TimeAmount.milliseconds(250)

    /// Decides whether a client with a complete and valid handshake may connect. Until then nothing more is decoded or read.
    func admit(_ head: HTTPRequestHead, _ client: WebSocketHandshake.Client, context: ChannelHandlerContext) {
        self.reader.pause()
        let admission = self.webSockets.admission
        guard admission.needsTime(for: client) else {
            return self.upgrade(head, for: WebSocketAdmission.AdmittedClient(client: client), context: context)
        }
        let (me, here) = (NIOLoopBound(self, eventLoop: context.eventLoop), NIOLoopBound(context, eventLoop: context.eventLoop))
        let eventLoop = context.eventLoop
        let task = Task {
            let result: Result<WebSocketAdmission.AdmittedClient, WebSocketHandshake.Refusal>
            do throws(WebSocketHandshake.Refusal) {
                result = .success(try await admission.admit(head, client))
            } catch {
                result = .failure(error)
            }
            eventLoop.execute { me.value.admitted(head, result, context: here.value) }
        }
        self.state = .admission(task)
        self.setDeadline(Self.admissionTime, context)
    }

    private func admitted(
        _ head: HTTPRequestHead,
        _ result: Result<WebSocketAdmission.AdmittedClient, WebSocketHandshake.Refusal>,
        context: ChannelHandlerContext
    ) {
        // The client may have disconnected, or its time may be up.
        guard case .admission = self.state, context.channel.isActive else { return }
        switch result {
        case .success where !self.webSockets.acceptsConnections: self.refuse(.draining, head, context: context)
        case .success(let admitted): self.upgrade(head, for: admitted, context: context)
        case .failure(let refusal): self.refuse(refusal, head, context: context)
        }
    }

    private func upgrade(_ head: HTTPRequestHead, for admitted: WebSocketAdmission.AdmittedClient, context: ChannelHandlerContext)
    {
        let pipeline = context.pipeline.syncOperations
        do {
            // Bypasses the encoder and all other handlers for HTTP answers.
            let response = WebSocketHandshake.response(to: head, for: admitted.client)
            try pipeline.context(handler: self.encoder).writeAndFlush(NIOAny(response), promise: nil)
            // Only HTTP connections may be half-closed. For a WebSocket, the end of input ends the connection.
            try context.channel.syncOptions?.setOption(.allowRemoteHalfClosure, value: false)
            let transport = self.webSockets.makeTransport(admitted)
            self.state = .webSocket
            pipeline.removeHandler(self.encoder, promise: nil)
            for handler in self.others { pipeline.removeHandler(handler, promise: nil) }
            try pipeline.addHandler(transport, position: .after(self))
            pipeline.removeHandler(self, promise: nil)
            // Passes on the bytes that the client sent after its handshake.
            self.reader.leave()
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
        self.reader.end(after: written.futureResult)
        context.writeAndFlush(self.wrapOutboundOut(.end(nil)), promise: written)
    }
}
