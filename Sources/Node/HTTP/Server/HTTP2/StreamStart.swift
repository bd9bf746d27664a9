import NIOCore
import NIOHPACK
import NIOHTTP1
import NIOHTTP2

/// The first handler of a stream: passes a request to the routes, or makes the stream of an extended CONNECT a WebSocket (RFC 8441),
/// or one of `GET /events` an event stream.
/// It removes itself once the other handlers are added.
final class StreamStart: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTP2Frame.FramePayload
    typealias InboundOut = HTTP2Frame.FramePayload
    typealias OutboundIn = HTTP2Frame.FramePayload
    typealias OutboundOut = HTTP2Frame.FramePayload

    private enum State {
        case waitingForHead
        /// Whether the client may connect is being checked. Later bytes wait.
        case admission
        /// The stream is answered; frames are dropped.
        case refused
        case passing
    }

    private let streams: StreamSetup
    private let connection: HTTP2Connection
    private var state = State.waitingForHead
    /// Bytes that have come during ``State/admission``, and whether the client has ended its half.
    private var inbox = StreamInbox()
    /// Held from the handshake until the stream is a WebSocket.
    private var place: WebSocketPlace?

    /// - Parameter connection: on the same event loop.
    init(_ streams: StreamSetup, on connection: HTTP2Connection) {
        self.streams = streams
        self.connection = connection
    }

    func channelInactive(context: ChannelHandlerContext) {
        if !self.inbox.isEmpty { self.connection.windows.forgetWindow(of: context.channel) }
        self.place.take()?.release()
        context.fireChannelInactive()
    }

    // MARK: - Reading

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = self.unwrapInboundIn(data)
        switch (self.state, frame) {
        case (.waitingForHead, .headers(let block)):
            self.inbox.isEnded = block.endStream
            self.begin(block, context)
        case (.admission, .data(let data)):
            if case .byteBuffer(let bytes) = data.data, bytes.readableBytes > 0 { self.keep(bytes, context) }
            if data.endStream { self.inbox.isEnded = true }
        case (.admission, .headers(let trailers)), (.refused, .headers(let trailers)):
            if trailers.endStream { self.inbox.isEnded = true }
        case (.refused, .data(let data)): if data.endStream { self.inbox.isEnded = true }
        case (.passing, _): context.fireChannelRead(data)
        case (.waitingForHead, _), (.admission, _), (.refused, _): break
        }
    }

    private func keep(_ bytes: ByteBuffer, _ context: ChannelHandlerContext) {
        if self.inbox.isEmpty { self.connection.windows.holdWindow(of: context.channel) }
        if !self.inbox.add(bytes) { self.reset(.flowControlError, context) }
    }

    /// The first frame of a stream is always a head.
    private func begin(_ block: HTTP2Frame.FramePayload.Headers, _ context: ChannelHandlerContext) {
        self.connection.streamBegan()
        if !self.streams.webSockets.keepsConnections { self.connection.acceptNoFurtherStreams() }
        if let name = block.headers.first(name: ":protocol") {
            return self.beginHandshake(block, .webSocket(isKnown: name.isSame("websocket")), context)
        }
        let method = HTTPMethod(rawValue: block.headers.first(name: ":method") ?? "")
        if self.streams.webSockets.isEventStream(
            method,
            block.headers.first(name: ":path") ?? "",
            accept: block.headers["accept"]
        ) {
            return self.beginHandshake(block, .eventStream, context)
        }
        guard self.connection.requestBegan(on: context.channel) else { return self.reset(.refusedStream, context) }
        self.beginRequest(block, context)
    }

    // MARK: - Requests

    private func beginRequest(_ block: HTTP2Frame.FramePayload.Headers, _ context: ChannelHandlerContext) {
        // For the limits of the socket, the rest of the request does not matter.
        let method = HTTPMethod(rawValue: block.headers.first(name: ":method") ?? "")
        let head = HTTPRequestHead(version: .http1_1, method: method, uri: "/")
        do {
            let hasRoom = try self.connection.place.admit(head, asksForWebSocket: false)
            if !hasRoom { self.connection.acceptNoFurtherStreams() }
            guard try self.streams.addRequestHandlers(to: context.channel, on: self.connection) else {
                return self.reset(.refusedStream, context)
            }
        } catch let refusal as ConnectionSlot.Refusal {
            return self.refuse(.overLimit(refusal), head, context)
        } catch {
            return context.close(promise: nil)
        }
        self.state = .passing
        context.fireChannelRead(self.wrapInboundOut(.headers(block)))
        context.fireChannelReadComplete()
        context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
    }

    // MARK: - WebSockets and event streams

    private enum Handshake {
        /// - isKnown: whether `:protocol` is WebSocket's. Case does not matter: some balancers pass on the `Upgrade` field of an HTTP/1.1
        ///   client.
        case webSocket(isKnown: Bool)
        case eventStream
    }

    private func beginHandshake(
        _ block: HTTP2Frame.FramePayload.Headers,
        _ kind: Handshake,
        _ context: ChannelHandlerContext
    ) {
        do throws(HTTPErrorHandler.Fault) {
            let head = try HTTPErrorHandler.checked(HTTPRequestHead(block.headers, settings: self.streams.settings))
            self.beginHandshake(head, kind, context)
        } catch {
            let problem = error.problem(self.streams.settings)
            self.streams.refused(problem)
            self.answer(problem, context)
        }
    }

    private func beginHandshake(_ head: HTTPRequestHead, _ kind: Handshake, _ context: ChannelHandlerContext) {
        do throws(WebSocketHandshake.Refusal) {
            let isWebSocket: Bool
            switch kind {
            case .webSocket(let isKnown):
                guard isKnown else { throw .unknownProtocol }
                isWebSocket = true
            case .eventStream: isWebSocket = false
            }
            // A WebSocket needs the client's half of the stream, an event stream has no use for it.
            guard self.inbox.isEnded != isWebSocket else { throw .hasBody }
            try self.takePlace(for: head)
            let client = try self.streams.webSockets.validate(head, isExtendedConnect: isWebSocket)
            self.state = .admission
            self.streams.webSockets.admit(head, client, on: context.eventLoop) { decision in
                // The client may have disconnected.
                guard case .admission = self.state, context.channel.isActive else { return }
                switch decision {
                case .success(let admitted): self.becomeClient(head, admitted, context)
                case .failure(let refusal): self.refuse(refusal, head, context)
                }
            }
        } catch {
            self.refuse(error, head, context)
        }
    }

    /// A client on a stream counts as one connection, besides the socket.
    private func takePlace(for head: HTTPRequestHead) throws(WebSocketHandshake.Refusal) {
        let slot = ConnectionSlot(in: self.streams.admission, peer: self.connection.place.peer)
        defer { self.place = WebSocketPlace(on: self.connection, self.streams.admission, slot) }
        do throws(ConnectionSlot.Refusal) {
            _ = try slot.admit(head, asksForWebSocket: true)
        } catch {
            throw .overLimit(error)
        }
    }

    private func becomeClient(
        _ head: HTTPRequestHead,
        _ admitted: WebSocketAdmission.AdmittedClient,
        _ context: ChannelHandlerContext
    ) {
        var fields: HPACKHeaders = [":status": "200"]
        for (name, value) in self.streams.webSockets.fields(of: head, for: admitted.client) {
            fields.add(name: name, value: value)
        }
        context.writeAndFlush(self.wrapOutboundOut(.headers(.init(headers: fields))), promise: nil)
        do {
            guard let place = self.place.take() else { return context.close(promise: nil) }
            let stream = WebSocketStream(place, self.inbox)
            let transport = self.streams.webSockets.makeTransport(admitted, .stream(self.connection.turns))
            // One after the other: the transport may write as soon as it is added, and the stream must frame that.
            try context.pipeline.syncOperations.addHandler(stream, position: .after(self))
            try context.pipeline.syncOperations.addHandler(transport, position: .after(stream))
        } catch {
            return context.close(promise: nil)
        }
        self.inbox = StreamInbox()
        self.state = .passing
        let channel = context.channel
        context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
        channel.read()
    }

    private func refuse(_ refusal: WebSocketHandshake.Refusal, _ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        self.streams.webSockets.activity.handshakeRefused(refusal, head)
        self.answer(refusal.problem, hasBody: head.method != .HEAD, context)
    }

    // MARK: - Answers

    /// Answers with a problem and ends the stream.
    /// - Parameter hasBody: false for an answer to HEAD.
    private func answer(_ problem: Problem, hasBody: Bool = true, _ context: ChannelHandlerContext) {
        self.state = .refused
        self.dropInbox(context)
        let body = problem.json
        let fields = HPACKHeaders(problem.responseHead(bodyBytes: body.readableBytes))
        let written = context.eventLoop.makePromise(of: Void.self)
        written.futureResult.assumeIsolated().whenSuccess {
            // The client may stop sending without an error (RFC 9113 section 8.1). Not before: a reset discards unsent frames.
            if !self.inbox.isEnded { self.reset(.noError, context) }
        }
        context.resetStream(unless: written.futureResult, within: self.streams.settings.answerTimeout)
        let head = HTTP2Frame.FramePayload.headers(.init(headers: fields, endStream: !hasBody))
        guard hasBody else { return context.writeAndFlush(self.wrapOutboundOut(head), promise: written) }
        context.write(self.wrapOutboundOut(head), promise: nil)
        context.writeAndFlush(self.wrapOutboundOut(.data(.init(data: .byteBuffer(body), endStream: true))), promise: written)
    }

    private func dropInbox(_ context: ChannelHandlerContext) {
        guard !self.inbox.isEmpty else { return }
        _ = self.inbox.take()
        self.connection.windows.releaseWindow(of: context.channel)
    }

    private func reset(_ code: HTTP2ErrorCode, _ context: ChannelHandlerContext) {
        self.state = .refused
        self.dropInbox(context)
        context.writeAndFlush(self.wrapOutboundOut(.rstStream(code)), promise: nil)
    }
}

@available(*, unavailable)
extension StreamStart: Sendable {}
