import NIOCore
import NIOExtras
import NIOHTTP1

/// Passes each request of a connection to the routes, or turns the connection into a WebSocket. A request for an event stream turns it
/// into that in the same way, and is meant by a handshake, too.
///
/// A handshake may follow any number of requests (RFC 9110 section 7.8), because proxies reuse connections. It waits until all
/// of these are answered. From then on the connection accepts no HTTP requests, whether the handshake succeeds or not.
///
/// NIO's typed upgrade handler is not used. It discards the head of a request whose upgrade is refused, so that a refused
/// handshake, or a request with the `Upgrade: h2c` that some HTTP clients always send, is never answered.
final class UpgradeHandler: ChannelDuplexHandler, RemovableChannelHandler, NIOScheduledCallbackHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    enum State {
        /// Waits for the first request.
        case waitingForHead
        /// Requests go to the routes.
        case http
        /// The routes have the last request of the connection.
        case last
        /// A handshake after requests that are not completely answered. Parts of its body, which it must not have, are dropped.
        case queued(HTTPRequestHead)
        /// A valid handshake after all earlier answers. The decoder has passed on its head, and passes on its end next.
        case handshake(HTTPRequestHead, WebSocketHandshake.Client)
        /// The handshake is complete. Whether the client may connect is being checked.
        case admission
        /// All bytes go to the WebSocket.
        case webSocket
        /// The handshake was refused and answered. A proxy may believe in a WebSocket, so the bytes that follow may be meant
        /// for it and must never reach the routes.
        case refused
    }

    let webSockets: WebSocketUpgrade
    let carrier: WebSocketCarrier
    let place: ConnectionSlot
    var handlers: HTTP1Handlers
    var state = State.waitingForHead
    var deadline: NIOScheduledCallback?
    let timeout: TimeAmount
    private var context: ChannelHandlerContext?
    /// Number of requests that the routes have not completely answered.
    var unanswered = 0
    /// Whether the last received request is the last of the connection.
    private var hasLast = false

    /// - Parameters:
    ///   - place: the slot of the socket in the node's limits.
    ///   - timeout: maximum time for the first head.
    ///   - handlers: the other handlers of the connection.
    init(
        webSockets: WebSocketUpgrade,
        carrier: WebSocketCarrier,
        place: ConnectionSlot,
        timeout: TimeAmount,
        handlers: HTTP1Handlers
    ) {
        self.webSockets = webSockets
        self.carrier = carrier
        self.place = place
        self.timeout = timeout
        self.handlers = handlers
    }

    // MARK: - Life

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        self.setDeadline(self.timeout, context)
    }

    func setDeadline(_ time: TimeAmount, _ context: ChannelHandlerContext) {
        self.deadline?.cancel()
        // Fails only on an event loop that has shut down, together with all of its channels.
        self.deadline = try? context.eventLoop.assumeIsolated().scheduleCallback(in: time, handler: self)
    }

    func handleScheduledCallback(eventLoop: some EventLoop) {
        switch self.state {
        case .http, .last, .queued, .admission: break
        // The first head did not arrive in time.
        case .waitingForHead, .handshake, .webSocket, .refused: self.context?.close(promise: nil)
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
        let isInputClosed = (event as? ChannelEvent) == .inputClosed
        switch self.state {
        case .http, .last, .webSocket: break
        case .queued where isInputClosed:
            // The client has closed its half. It gets its answers, and no WebSocket.
            self.state = .last
            self.handlers.reader.end()
        case .queued: break
        case .waitingForHead, .handshake, .admission, .refused:
            // The client has closed its half, or the server is stopping and does not wait for a socket without a request.
            if event is ChannelShouldQuiesceEvent || isInputClosed { context.close(promise: nil) }
        }
        context.fireUserInboundEventTriggered(event)
    }

    // MARK: - Reading

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch self.state {
        case .webSocket:
            context.fireChannelRead(data)
        case .refused, .admission, .last, .queued: break
        case .http:
            self.receivedPart(data, context: context)
        case .waitingForHead:
            // The first part from the decoder is always a head.
            guard case .head(let head) = self.unwrapInboundIn(data) else { return }
            self.receivedFirst(head, context: context)
        case .handshake(let head, let client):
            // A valid handshake has no body, so this is its end.
            self.admit(head, client, context: context)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // A queued handshake is refused in its turn for having a body, whatever is wrong with the body.
        if case .queued = self.state, Self.concernsBody(error) { return }
        context.fireErrorCaught(error)
    }

    private static func concernsBody(_ error: any Error) -> Bool {
        error is HTTPParserError || error is RequestDeadlines.BodyTimeout || error is ChunkSizes.TooLarge
    }

    func receivedFirst(_ head: HTTPRequestHead, context: ChannelHandlerContext) {
        let asksForWebSocket = self.webSockets.isHandshake(head)
        do throws(WebSocketHandshake.Refusal) {
            let hasRoom = try self.judgePlace(head, asksForWebSocket: asksForWebSocket)
            guard asksForWebSocket else {
                self.startHTTP(hasRoom ? head : head.asLast, context: context)
                return
            }
            self.state = .handshake(head, try self.webSockets.validate(head))
        } catch {
            self.refuse(error, head, context: context)
        }
    }

    private func judgePlace(
        _ head: HTTPRequestHead,
        asksForWebSocket: Bool
    ) throws(WebSocketHandshake.Refusal) -> Bool {
        do throws(ConnectionSlot.Refusal) {
            return try self.place.admit(head, asksForWebSocket: asksForWebSocket)
        } catch {
            throw .overLimit(error)
        }
    }

    // MARK: - HTTP

    private func startHTTP(_ head: HTTPRequestHead, context: ChannelHandlerContext) {
        self.state = .http
        self.deadline?.cancel()
        do {
            try self.handlers.addRouting(context.channel)
            self.handOn(head, context: context)
        } catch {
            context.close(promise: nil)
        }
    }

    private func receivedPart(_ data: NIOAny, context: ChannelHandlerContext) {
        switch self.unwrapInboundIn(data) {
        case .head(let head) where self.webSockets.isHandshake(head):
            guard self.unanswered > 0 else { return self.takeTurn(head, context) }
            self.handlers.reader.pause()
            self.state = .queued(head)
        case .head(let head): self.handOn(head, context: context)
        case .body: context.fireChannelRead(data)
        case .end:
            context.fireChannelRead(data)
            guard self.hasLast else { return }
            self.state = .last
            self.handlers.reader.end()
        }
    }

    private func handOn(_ head: HTTPRequestHead, context: ChannelHandlerContext) {
        let request = self.plain(head)
        self.unanswered += 1
        self.hasLast = !request.isKeepAlive
        context.fireChannelRead(self.wrapInboundOut(.head(request)))
    }

    /// A request that asks for any other upgrade is answered as plain HTTP and is the last of its connection, because the
    /// decoder stops there. Requests to a node that is shutting down, and requests that close the connection in any form (RFC
    /// 9112 section 9.3), are also marked as last, in the one form that the server knows.
    private func plain(_ head: HTTPRequestHead) -> HTTPRequestHead {
        guard head.headers.contains(name: "upgrade") || !head.isKeepAlive || !self.webSockets.keepsConnections else {
            return head
        }
        var head = head.asLast
        head.headers.remove(name: "upgrade")
        return head
    }
}

@available(*, unavailable)
extension UpgradeHandler: Sendable {}
