import HTTPTypes
import NIOCore
import NIOHTTP1

/// Answers invalid requests with a problem: those that the decoder refuses, and those that no route may see.
///
/// NIO's own handler answers at once, even while earlier requests have not been answered, so that a client would take the
/// refusal for the answer to another request. It also leaves the connection open. This handler keeps the order and ends the
/// connection with its answer.
final class HTTPErrorHandler: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    private let settings: HTTPSettings
    private let source: any RequestSource
    private let chunkSizes: ChunkSizes?
    private let refused: @Sendable (Problem) -> Void
    private var machine = StateMachine()

    /// - Parameters:
    ///   - source: ended when no further requests are wanted.
    ///   - chunkSizes: gets all parts, for connections on which bodies may be chunked.
    ///   - refused: called with the answer to bytes that are not a valid request.
    init(
        settings: HTTPSettings,
        source: any RequestSource,
        chunkSizes: ChunkSizes? = nil,
        refused: @escaping @Sendable (Problem) -> Void
    ) {
        self.settings = settings
        self.source = source
        self.chunkSizes = chunkSizes
        self.refused = refused
    }

    // MARK: - Reading

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch self.unwrapInboundIn(data) {
        case .head(let head): self.received(head, context: context)
        case .body(let bytes):
            self.chunkSizes?.received(bytes)
            if self.machine.receivedBody() { context.fireChannelRead(data) }
        case .end:
            self.chunkSizes?.end()
            if self.machine.receivedEnd() { context.fireChannelRead(data) }
        }
    }

    private func received(_ head: HTTPRequestHead, context: ChannelHandlerContext) {
        self.chunkSizes?.begin(head)
        do throws(Fault) {
            let request = try Self.checked(head)
            guard self.machine.receivedHead() else { return }
            context.fireChannelRead(self.wrapInboundOut(.head(request)))
        } catch {
            self.found(error, context: context)
        }
    }

    /// - Returns: a valid request in the form that routes and handshakes expect.
    static func checked(_ head: HTTPRequestHead) throws(Fault) -> HTTPRequestHead {
        guard head.method != .CONNECT else { throw .tunnel }
        let head = try head.inASCII
        guard head.hasGoodHost else { throw .badHost }
        // RFC 9112 section 6.1: only `chunked` is supported. Before HTTP/1.1 no coding is, because a proxy may see another body
        // length.
        if head.headers.contains(name: "transfer-encoding") {
            let codings = head.headers.elements(of: "transfer-encoding")
            guard head.version == .http1_1, codings.count == 1, codings[0].isSame("chunked") else { throw .malformed }
        }
        guard let request = head.inOriginForm else { throw .malformed }
        return request.withoutSlashBehindEndpoint
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch error {
        case let fault as Fault:
            self.found(fault, error, context: context)
        case let parserError as HTTPParserError:
            self.found(parserError == .headerOverflow ? .headerTooLarge : .malformed, error, context: context)
        case is HugeContentLength, is ChunkSizes.TooLarge:
            self.found(.bodyTooLarge, error, context: context)
        case is RequestDeadlines.BodyTimeout:
            self.found(.slowBody, error, context: context)
        default:
            context.fireErrorCaught(error)
        }
    }

    /// - Parameter error: passed to the route that is answering the request.
    private func found(_ fault: Fault, _ error: (any Error)? = nil, context: ChannelHandlerContext) {
        let action = self.machine.received(fault)
        self.source.end()
        if action == .failRequest, let error { context.fireErrorCaught(error) }
        self.perform(action, context: context)
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
            self.source.end(after: written.futureResult)
            context.writeAndFlush(self.wrapOutboundOut(.end(nil)), promise: written)
        case .end:
            let written = context.eventLoop.makePromise(of: Void.self)
            self.source.end(after: written.futureResult)
            context.flush()
            context.channel.close(mode: .output, promise: written)
        }
    }
}

extension HTTPErrorHandler.Fault {
    /// The problem document for the client.
    func problem(_ settings: HTTPSettings) -> Problem {
        switch self {
        case .malformed:
            .malformedRequest
        case .headerTooLarge:
            Problem(
                .requestHeaderFieldsTooLarge,
                "header-too-large",
                "The target and the header fields may have at most \(settings.maximumHeaderBytes) bytes, and \(settings.maximumHeaderFields) fields."
            )
        case .notASCII(let field):
            Problem(.badRequest, "invalid-header", "\(field) must be ASCII.", field: field)
        case .badHost:
            Problem(
                .badRequest,
                "malformed-request",
                "A request of HTTP/1.1 must have exactly one Host field: a name or an address, and optionally a port.",
                field: "Host"
            )
        case .slowBody:
            .slowBody
        case .bodyTooLarge:
            .bodyTooLarge(settings.maximumBodyBytes)
        case .tunnel:
            Problem(.notImplemented, "unknown-method", "This server is not a proxy.")
        }
    }
}
