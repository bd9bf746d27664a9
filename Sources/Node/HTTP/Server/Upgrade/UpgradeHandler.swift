import NIOCore
import NIOExtras
import NIOHTTP1

/// Decides of each request of a connection whether it is for the router, or makes a WebSocket of the connection.
///
/// A handshake may come behind any number of requests (RFC 9110 section 7.8): proxies send it on connections that they have used before. It
/// waits until all of these are answered; from then on the connection is no longer HTTP, whatever becomes of the handshake.
///
/// NIO's typed upgrade handler is not used: it loses the head of a request whose upgrade it does not grant, so that such a request
/// (a refused handshake, or the `Upgrade: h2c` that some HTTP clients send with every request) is never answered.
final class UpgradeHandler: ChannelDuplexHandler, RemovableChannelHandler, NIOScheduledCallbackHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    enum State {
        /// Of the first request.
        case waitingForHead
        /// Requests are the router's.
        case http
        /// The router has the connection's last request.
        case last
        case queued(Queued)
        /// A good handshake whose turn it is, and of which the end is still to come.
        case handshake(HTTPRequestHead, WebSocketHandshake.Client)
        /// Whole; whether the client may connect is being found out.
        case admission(Task<Void, Never>)
        /// Whatever comes is not for this handler any more.
        case webSocket
        /// Answered; what comes behind a refused upgrade may be meant for a WebSocket, through a proxy that believes in one, and must
        /// never reach the router.
        case refused
    }

    let webSockets: WebSocketUpgrade
    let place: ConnectionSlot
    /// All of HTTP goes with the upgrade: the encoder before a frame is written.
    let encoder: HTTPResponseEncoder
    let reader: RequestReader
    let others: [any RemovableChannelHandler]
    var state = State.waitingForHead
    var deadline: NIOScheduledCallback?
    let timeout: TimeAmount
    private let becomeHTTP: (any Channel) throws -> [any RemovableChannelHandler]
    private var context: ChannelHandlerContext?
    /// Handlers that only requests for the router need.
    var routing: [any RemovableChannelHandler] = []
    /// Requests that the router has, and has not answered to the end.
    var unanswered = 0
    /// The request that came last is the connection's last.
    private var hasLast = false

    /// - Parameters:
    ///   - place: of the socket among the node's others.
    ///   - timeout: for the first head to be whole, and for a handshake to end once it is its turn.
    ///   - others: of the handlers that only HTTP needs.
    ///   - becomeHTTP: adds what answers requests behind this handler, and returns the handlers of it that go when the connection becomes a
    ///     WebSocket. Called with the first request that is none for a WebSocket.
    init(
        webSockets: WebSocketUpgrade,
        place: ConnectionSlot,
        timeout: TimeAmount,
        encoder: HTTPResponseEncoder,
        reader: RequestReader,
        others: [any RemovableChannelHandler],
        becomeHTTP: @escaping (any Channel) throws -> [any RemovableChannelHandler]
    ) {
        self.webSockets = webSockets
        self.place = place
        self.timeout = timeout
        self.encoder = encoder
        self.reader = reader
        self.others = others
        self.becomeHTTP = becomeHTTP
    }

    // MARK: - Life

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        self.setDeadline(self.timeout, context)
    }

    func setDeadline(_ time: TimeAmount, _ context: ChannelHandlerContext) {
        self.deadline?.cancel()
        // Fails on an event loop that has ended, and all channels with it.
        self.deadline = try? context.eventLoop.assumeIsolated().scheduleCallback(in: time, handler: self)
    }

    func handleScheduledCallback(eventLoop: some EventLoop) {
        switch self.state {
        case .admission(let task): task.cancel()
        case .http, .last, .queued: break
        // The first head has not come in time, or the end of a handshake.
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
            // It wants no WebSocket any more, but its answers.
            self.state = .last
            self.reader.end()
        case .queued: break
        case .waitingForHead, .handshake, .admission, .refused:
            // A peer that says nothing more, or a server that stops and would wait for a socket that has said nothing yet.
            if event is ChannelShouldQuiesceEvent || isInputClosed { context.close(promise: nil) }
        }
        context.fireUserInboundEventTriggered(event)
    }

    // MARK: - Reading

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch self.state {
        case .webSocket:
            context.fireChannelRead(data)
        case .refused, .admission, .last: break
        case .http:
            self.receivedPart(data, context: context)
        case .queued(var queued):
            if case .end = self.unwrapInboundIn(data) { queued.isWhole = true } else { queued.hasBody = true }
            self.state = .queued(queued)
        case .waitingForHead:
            // The decoder gives nothing before a head.
            guard case .head(let head) = self.unwrapInboundIn(data) else { return }
            self.receivedFirst(head, context: context)
        case .handshake(let head, let client):
            if case .end = self.unwrapInboundIn(data) {
                self.admit(head, client, context: context)
            } else {
                self.refuse(.hasBody, head, context: context)
            }
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard error is HTTPParserError || error is RequestDeadlines.BodyTimeout || error is ChunkSizes.TooLarge else {
            return context.fireErrorCaught(error)
        }
        // What follows the head of a handshake is a body, and a bad one at that.
        switch self.state {
        case .handshake(let head, _): self.refuse(.hasBody, head, context: context)
        case .queued(var queued):
            queued.hasBody = true
            self.state = .queued(queued)
        case .waitingForHead, .http, .last, .admission, .webSocket, .refused: context.fireErrorCaught(error)
        }
    }

    func receivedFirst(_ head: HTTPRequestHead, context: ChannelHandlerContext) {
        let asksForWebSocket = WebSocketHandshake.isAskedFor(head)
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
            let halfClose = HalfCloseHandler()
            try context.pipeline.syncOperations.addHandler(halfClose, position: .before(self.encoder))
            self.routing = [halfClose]
            self.routing += try self.becomeHTTP(context.channel)
            self.handOn(head, context: context)
        } catch {
            context.close(promise: nil)
        }
    }

    private func receivedPart(_ data: NIOAny, context: ChannelHandlerContext) {
        switch self.unwrapInboundIn(data) {
        case .head(let head) where WebSocketHandshake.isAskedFor(head):
            self.reader.pause()
            self.state = .queued(Queued(head: head))
            self.takeTurn(context)
        case .head(let head): self.handOn(head, context: context)
        case .body: context.fireChannelRead(data)
        case .end:
            context.fireChannelRead(data)
            guard self.hasLast else { return }
            self.state = .last
            self.reader.end()
        }
    }

    private func handOn(_ head: HTTPRequestHead, context: ChannelHandlerContext) {
        let request = self.plain(head)
        self.unanswered += 1
        self.hasLast = !request.isKeepAlive
        context.fireChannelRead(self.wrapInboundOut(.head(request)))
    }

    /// The decoder stops at a request that asks for any upgrade: it is answered as plain HTTP, and is the last of its connection. So is
    /// one that comes to a node that is going away, and one that says so in any form (RFC 9112 section 9.3): the server knows only one.
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
