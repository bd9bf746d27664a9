import HTTPTypes
import NIOCore
import NIOHTTP1

/// Answers an upgrade request that was refused, then ends the connection.
///
/// What a client sends behind a refused upgrade may be meant for a WebSocket, through a proxy that believes in one; it never reaches the
/// router.
final class RefusedUpgradeHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    /// For the client to close its half after the answer.
    private static let lingerTime = TimeAmount.seconds(2)

    private let refusal: WebSocketHandshake.Refusal
    private var answered = false

    init(_ refusal: WebSocketHandshake.Refusal) {
        self.refusal = refusal
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !self.answered, case .head(let request) = self.unwrapInboundIn(data) else { return }
        self.answered = true
        let problem = self.refusal.problem
        let body = problem.json
        var head = HTTPResponseHead(version: .http1_1, status: .init(statusCode: problem.status.code))
        head.headers.add(name: "content-type", value: Problem.contentType)
        head.headers.add(name: "content-length", value: "\(body.readableBytes)")
        head.headers.add(name: "connection", value: "close")
        for field in problem.headers { head.headers.add(name: field.name.rawName, value: field.value) }
        context.write(self.wrapOutboundOut(.head(head)), promise: nil)
        if request.method != .HEAD {
            context.write(self.wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
        }
        let channel = context.channel
        let written = context.eventLoop.makePromise(of: Void.self)
        written.futureResult.whenComplete { _ in channel.close(mode: .output, promise: nil) }
        let linger = context.eventLoop.scheduleTask(in: Self.lingerTime) { channel.close(promise: nil) }
        channel.closeFuture.whenComplete { _ in linger.cancel() }
        context.writeAndFlush(self.wrapOutboundOut(.end(nil)), promise: written)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed? = event as? ChannelEvent { context.close(promise: nil) }
        context.fireUserInboundEventTriggered(event)
    }
}

extension WebSocketHandshake.Refusal {
    /// What the client is told.
    var problem: Problem {
        switch self {
        case .notWebSocket, .wrongMethod:
            Problem(.badRequest, "not-a-websocket", "This path speaks WebSocket only: send a GET request with an upgrade.")
        case .unknownPath:
            Problem(.notFound, "unknown-path", "WebSockets are at /ws and /echo.")
        case .unsupportedVersion:
            Problem(
                .upgradeRequired,
                "unsupported-websocket-version",
                "Only version 13 is spoken.",
                headers: [.secWebSocketVersion: "13"]
            )
        case .badKey:
            Problem(.badRequest, "bad-websocket-key", "Sec-WebSocket-Key must be 16 bytes in base64, once.")
        case .draining:
            Problem(
                .serviceUnavailable,
                "draining",
                "This node is going away; another one answers.",
                headers: [.retryAfter: "1"]
            )
        }
    }
}
