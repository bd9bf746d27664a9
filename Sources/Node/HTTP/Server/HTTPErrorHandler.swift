import HTTPTypes
import NIOCore
import NIOHTTP1

/// Answers, as a problem, the requests that never become one: what the decoder refuses, and what no route may see.
///
/// NIO's own handler answers at once, also while requests before it wait for theirs, so that a client takes the refusal for the answer to
/// another request; and it leaves the connection open. This one keeps the order and ends the connection with its answer.
final class HTTPErrorHandler: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    /// For the client to read the answer and close its half: closed at once, a socket with unread bytes takes the answer with it.
    private static let lingerTime = TimeAmount.seconds(2)

    private let settings: HTTPSettings
    private let refused: @Sendable (Problem) -> Void
    private var machine = StateMachine()

    /// - Parameter refused: called with the answer to what never became a request.
    init(settings: HTTPSettings, refused: @escaping @Sendable (Problem) -> Void = { _ in }) {
        self.settings = settings
        self.refused = refused
    }

    // MARK: - Reading

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch self.unwrapInboundIn(data) {
        case .head(let head): self.received(head, context: context)
        case .body: if self.machine.receivedBody() { context.fireChannelRead(data) }
        case .end: if self.machine.receivedEnd() { context.fireChannelRead(data) }
        }
    }

    private func received(_ head: HTTPRequestHead, context: ChannelHandlerContext) {
        do throws(Fault) {
            let request = try Self.checked(head)
            guard self.machine.receivedHead() else { return }
            if request.expectsContinue, self.machine.owesOneAnswer {
                context.writeAndFlush(self.wrapOutboundOut(.head(.init(version: .http1_1, status: .continue))), promise: nil)
            }
            context.fireChannelRead(self.wrapInboundOut(.head(request)))
        } catch {
            self.perform(self.machine.received(error), context: context)
        }
    }

    private static func checked(_ head: HTTPRequestHead) throws(Fault) -> HTTPRequestHead {
        guard head.method != .CONNECT else { throw .tunnel }
        guard head.hasGoodHost else { throw .badHost }
        // RFC 9112 section 6.1: no other coding is known, and none at all before HTTP/1.1, where somebody else may count another body.
        if head.headers.contains(name: "transfer-encoding") {
            let codings = head.headers[canonicalForm: "transfer-encoding"]
            guard head.version == .http1_1, codings.count == 1, codings[0].lowercased() == "chunked" else { throw .malformed }
        }
        guard let request = head.inOriginForm else { throw .malformed }
        return request
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch error {
        case HTTPParserError.closedConnection:
            // Bytes behind a request that was to be the connection's last: RFC 9112 section 9.6 has them ignored.
            break
        case let error as HTTPParserError:
            let action = self.machine.received(error == .headerOverflow ? .headerTooLarge : .malformed)
            if action == .failRequest { context.fireErrorCaught(error) }
            self.perform(action, context: context)
        case is RequestDeadlines.BodyTimeout:
            let action = self.machine.received(.slowBody)
            if action == .failRequest { context.fireErrorCaught(error) }
            self.perform(action, context: context)
        case is ByteToMessageDecoderError:
            // More bytes for a decoder that has given up.
            break
        default:
            context.fireErrorCaught(error)
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if self.machine.isEnded, (event as? ChannelEvent) == .inputClosed { context.close(promise: nil) }
        context.fireUserInboundEventTriggered(event)
    }

    // MARK: - Writing

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard !self.machine.isEnded else {
            promise?.fail(ChannelError.outputClosed)
            return
        }
        let isEnd = if case .end = self.unwrapOutboundIn(data) { true } else { false }
        context.write(data, promise: promise)
        if isEnd { self.perform(self.machine.answered(), context: context) }
    }

    private func perform(_ action: StateMachine.Action, context: ChannelHandlerContext) {
        switch action {
        case .nothing, .failRequest: break
        case .answer(let fault):
            let problem = fault.problem(self.settings)
            self.refused(problem)
            let body = problem.json
            context.write(self.wrapOutboundOut(.head(problem.responseHead(bodyBytes: body.readableBytes))), promise: nil)
            context.write(self.wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
            let written = context.eventLoop.makePromise(of: Void.self)
            context.channel.closeOutput(when: written)
            context.writeAndFlush(self.wrapOutboundOut(.end(nil)), promise: written)
            self.linger(context)
        case .end:
            context.flush()
            context.channel.close(mode: .output, promise: nil)
            self.linger(context)
        }
    }

    private func linger(_ context: ChannelHandlerContext) {
        let channel = context.channel
        let linger = context.eventLoop.scheduleTask(in: Self.lingerTime) { channel.close(promise: nil) }
        channel.closeFuture.whenComplete { _ in linger.cancel() }
    }
}

extension HTTPErrorHandler.Fault {
    /// What the client is told.
    func problem(_ settings: HTTPSettings) -> Problem {
        switch self {
        case .malformed:
            .malformedRequest
        case .headerTooLarge:
            Problem(
                .requestHeaderFieldsTooLarge,
                "header-too-large",
                "Target and header fields may have \(settings.maximumHeaderBytes) bytes, and \(settings.maximumHeaderFields) fields."
            )
        case .badHost:
            Problem(
                .badRequest,
                "malformed-request",
                "A request of HTTP/1.1 has exactly one Host field: a name or an address, and perhaps a port.",
                field: "Host"
            )
        case .slowBody:
            .slowBody
        case .tunnel:
            Problem(.notImplemented, "unknown-method", "This is no proxy.")
        }
    }
}
