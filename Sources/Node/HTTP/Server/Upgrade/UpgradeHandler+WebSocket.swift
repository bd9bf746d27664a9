import NIOCore
import NIOHTTP1

/// What becomes of a handshake.
extension UpgradeHandler {
    /// How long a handshake is held up for what Redis has to do with it: 250 ms, many round trips. Without Redis clients connect all the same.
    private static let admissionTime = TimeAmount.milliseconds(250)

    /// Finds out whether a client with a whole and good handshake may connect. Meanwhile nothing more of it is decoded or read.
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
        // The client may be gone, or have used up its time.
        guard case .admission = self.state, context.channel.isActive else { return }
        switch result {
        case .success where !self.webSockets.acceptsConnections: self.refuse(.draining, head, context: context)
        case .success(let guest): self.upgrade(head, for: guest, context: context)
        case .failure(let refusal): self.refuse(refusal, head, context: context)
        }
    }

    private func upgrade(_ head: HTTPRequestHead, for guest: WebSocketAdmission.AdmittedClient, context: ChannelHandlerContext) {
        let pipeline = context.pipeline.syncOperations
        do {
            // Past the encoder and all else that only answers of HTTP need.
            let response = WebSocketHandshake.response(to: head, for: guest.client)
            try pipeline.context(handler: self.encoder).writeAndFlush(NIOAny(response), promise: nil)
            // An end of input is the end of the connection: half-open ones are for HTTP.
            try context.channel.syncOptions?.setOption(.allowRemoteHalfClosure, value: false)
            let transport = self.webSockets.makeTransport(guest)
            self.state = .webSocket
            pipeline.removeHandler(self.encoder, promise: nil)
            for handler in self.others { pipeline.removeHandler(handler, promise: nil) }
            try pipeline.addHandler(transport, position: .after(self))
            pipeline.removeHandler(self, promise: nil)
            // With what the client has sent behind its handshake.
            self.reader.leave()
        } catch {
            context.close(promise: nil)
        }
    }

    /// Answers a handshake that is not granted, or a first request for which there is no room. The connection ends with it.
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
