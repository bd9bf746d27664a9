import NIOCore
import NIOExtras
import NIOHTTP1

/// Decides from the first request of a connection what the connection is for: a WebSocket, or HTTP for the router.
///
/// NIO's typed upgrade handler is not used: it loses the head of a request whose upgrade it does not grant, so that such a request
/// (a refused handshake, or the `Upgrade: h2c` that some HTTP clients send with every request) is never answered.
final class UpgradeHandler: ChannelInboundHandler, RemovableChannelHandler, NIOScheduledCallbackHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private enum State {
        case waitingForHead
        /// A good handshake, of which the end is still to come.
        case handshake(HTTPRequestHead, WebSocketHandshake.Client)
        /// Whole; whether the client may connect is being found out. The decoder holds what follows.
        case admission(Task<Void, Never>)
        /// Whatever comes is not for this handler any more.
        case webSocket
        case http
        /// Answered; what comes behind a refused upgrade may be meant for a WebSocket, through a proxy that believes in one, and must
        /// never reach the router.
        case refused
    }

    /// How long a handshake is held up for what Redis has to do with it: 250 ms, many round trips. Without Redis clients connect all the same.
    private static let admissionTime = TimeAmount.milliseconds(250)

    /// For the client to close its half after a refusal.
    private static let lingerTime = TimeAmount.seconds(2)

    private let delegate: Delegate
    private let place: Place
    private let timeout: TimeAmount
    /// All of HTTP goes with the upgrade: the encoder before a frame is written.
    private let encoder: HTTPResponseEncoder
    private let decoder: ByteToMessageHandler<HTTPRequestDecoder>
    private let others: [any RemovableChannelHandler]
    private var context: ChannelHandlerContext?
    private var state = State.waitingForHead
    private var deadline: NIOScheduledCallback?

    /// - Parameters:
    ///   - place: of the socket among the node's others.
    ///   - timeout: for the first head to be whole.
    ///   - others: of the handlers that only HTTP needs.
    init(
        delegate: Delegate,
        place: Place,
        timeout: TimeAmount,
        encoder: HTTPResponseEncoder,
        decoder: ByteToMessageHandler<HTTPRequestDecoder>,
        others: [any RemovableChannelHandler]
    ) {
        self.delegate = delegate
        self.place = place
        self.timeout = timeout
        self.encoder = encoder
        self.decoder = decoder
        self.others = others
    }

    // MARK: - Life

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        // Fails on an event loop that has ended, and all channels with it.
        self.deadline = try? context.eventLoop.assumeIsolated().scheduleCallback(in: self.timeout, handler: self)
    }

    func handleScheduledCallback(eventLoop: some EventLoop) {
        switch self.state {
        case .admission(let task): task.cancel()
        // The first head has not come in time, or its end.
        case .waitingForHead, .handshake, .webSocket, .http, .refused: self.context?.close(promise: nil)
        }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        self.deadline?.cancel()
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.deadline?.cancel()
        context.fireChannelInactive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch self.state {
        case .http, .webSocket: break
        case .waitingForHead, .handshake, .admission, .refused:
            // A peer that says nothing more, or a server that stops and would wait for a socket that has said nothing yet.
            if event is ChannelShouldQuiesceEvent || (event as? ChannelEvent) == .inputClosed { context.close(promise: nil) }
        }
        context.fireUserInboundEventTriggered(event)
    }

    // MARK: - Reading

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch self.state {
        case .webSocket:
            context.fireChannelRead(data)
        case .refused, .admission: break
        case .http:
            if case .head(let head) = self.unwrapInboundIn(data) {
                context.fireChannelRead(self.wrapInboundOut(.head(self.plain(head))))
            } else {
                context.fireChannelRead(data)
            }
        case .waitingForHead:
            // The decoder gives nothing before a head.
            guard case .head(let head) = self.unwrapInboundIn(data) else { return }
            self.received(head, context: context)
        case .handshake(let head, let client):
            if case .end = self.unwrapInboundIn(data) {
                self.admit(head, client, context: context)
            } else {
                self.refuse(.hasBody, head, context: context)
            }
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // What follows the head of a handshake is a body, and a bad one at that.
        guard case .handshake(let head, _) = self.state, error is HTTPParserError || error is RequestDeadlines.BodyTimeout else {
            return context.fireErrorCaught(error)
        }
        self.refuse(.hasBody, head, context: context)
    }

    private func received(_ head: HTTPRequestHead, context: ChannelHandlerContext) {
        do throws(WebSocketHandshake.Refusal) {
            let asksForWebSocket = WebSocketHandshake.isAskedFor(head)
            let hasRoom = try self.judgePlace(head, asksForWebSocket: asksForWebSocket)
            guard asksForWebSocket else {
                self.becomeHTTP(hasRoom ? head : head.asLast, context: context)
                return
            }
            let client = try WebSocketHandshake.validate(
                head,
                acceptsUserQuery: self.delegate.acceptsUserQuery,
                compresses: self.delegate.compresses
            )
            try self.delegate.admission.access.checkOrigin(head)
            guard self.delegate.acceptsConnections() else { throw .draining }
            self.state = .handshake(head, client)
        } catch {
            self.refuse(error, head, context: context)
        }
    }

    private func judgePlace(
        _ head: HTTPRequestHead,
        asksForWebSocket: Bool
    ) throws(WebSocketHandshake.Refusal) -> Bool {
        do throws(Place.Refusal) {
            return try self.place.judge(head, asksForWebSocket: asksForWebSocket)
        } catch {
            self.delegate.noPlace()
            throw .noPlace(error)
        }
    }

    // MARK: - HTTP

    private func becomeHTTP(_ head: HTTPRequestHead, context: ChannelHandlerContext) {
        self.state = .http
        do {
            self.deadline?.cancel()
            try context.pipeline.syncOperations.addHandler(HalfCloseHandler(), position: .before(self.encoder))
            try self.delegate.becomeHTTP(context.channel)
            context.fireChannelRead(self.wrapInboundOut(.head(self.plain(head))))
        } catch {
            context.close(promise: nil)
        }
    }

    /// The decoder stops at a request that asks for any upgrade: it is answered as plain HTTP, and is the last of its connection. So is
    /// one that comes to a node that is going away, and one that says so in any form (RFC 9112 section 9.3): the server knows only one.
    private func plain(_ head: HTTPRequestHead) -> HTTPRequestHead {
        guard head.headers.contains(name: "upgrade") || !head.isKeepAlive || !self.delegate.keepsConnections() else {
            return head
        }
        var head = head.asLast
        head.headers.remove(name: "upgrade")
        return head
    }

    // MARK: - WebSocket

    private func admit(_ head: HTTPRequestHead, _ client: WebSocketHandshake.Client, context: ChannelHandlerContext) {
        let admission = self.delegate.admission
        guard admission.needsTime(for: client) else {
            return self.upgrade(head, for: WebSocketAdmission.Guest(client: client), context: context)
        }
        let (me, here) = (NIOLoopBound(self, eventLoop: context.eventLoop), NIOLoopBound(context, eventLoop: context.eventLoop))
        let eventLoop = context.eventLoop
        let task = Task {
            let result: Result<WebSocketAdmission.Guest, WebSocketHandshake.Refusal>
            do throws(WebSocketHandshake.Refusal) {
                result = .success(try await admission.admit(head, client))
            } catch {
                result = .failure(error)
            }
            eventLoop.execute { me.value.admitted(head, result, context: here.value) }
        }
        self.state = .admission(task)
        self.deadline?.cancel()
        self.deadline = try? eventLoop.assumeIsolated().scheduleCallback(in: Self.admissionTime, handler: self)
    }

    private func admitted(
        _ head: HTTPRequestHead,
        _ result: Result<WebSocketAdmission.Guest, WebSocketHandshake.Refusal>,
        context: ChannelHandlerContext
    ) {
        // The client may be gone, or have used up its time.
        guard case .admission = self.state, context.channel.isActive else { return }
        switch result {
        case .success where !self.delegate.acceptsConnections(): self.refuse(.draining, head, context: context)
        case .success(let guest): self.upgrade(head, for: guest, context: context)
        case .failure(let refusal): self.refuse(refusal, head, context: context)
        }
    }

    private func upgrade(_ head: HTTPRequestHead, for guest: WebSocketAdmission.Guest, context: ChannelHandlerContext) {
        let pipeline = context.pipeline.syncOperations
        do {
            // Past the encoder and all else that only answers of HTTP need.
            let response = WebSocketHandshake.response(to: head, for: guest.client)
            try pipeline.context(handler: self.encoder).writeAndFlush(NIOAny(response), promise: nil)
            // An end of input is the end of the connection: half-open ones are for HTTP.
            try context.channel.syncOptions?.setOption(.allowRemoteHalfClosure, value: false)
            let handler = self.delegate.makeWebSocketHandler(guest)
            self.state = .webSocket
            pipeline.removeHandler(self.encoder, promise: nil)
            for handler in self.others { pipeline.removeHandler(handler, promise: nil) }
            try pipeline.addHandler(handler, position: .after(self))
            self.deadline?.cancel()
            // The decoder leaves when it is done with what it is reading, and hands on, through this handler, what follows the head.
            pipeline.removeHandler(self.decoder).assumeIsolated().whenComplete { _ in
                pipeline.removeHandler(self, promise: nil)
            }
        } catch {
            context.close(promise: nil)
        }
    }

    private func refuse(_ refusal: WebSocketHandshake.Refusal, _ request: HTTPRequestHead, context: ChannelHandlerContext) {
        self.state = .refused
        self.deadline?.cancel()
        self.delegate.refused(refusal, request)
        let problem = refusal.problem
        let body = problem.json
        context.write(self.wrapOutboundOut(.head(problem.responseHead(bodyBytes: body.readableBytes))), promise: nil)
        if request.method != .HEAD {
            context.write(self.wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
        }
        let channel = context.channel
        let written = context.eventLoop.makePromise(of: Void.self)
        channel.closeOutput(when: written)
        let linger = context.eventLoop.scheduleTask(in: Self.lingerTime) { channel.close(promise: nil) }
        channel.closeFuture.whenComplete { _ in linger.cancel() }
        context.writeAndFlush(self.wrapOutboundOut(.end(nil)), promise: written)
    }
}
