import NIOCore
import NIOHTTP1
import NIOWebSocket
import Protocol

/// Turns one HTTP/1.1 connection into a WebSocket: NIO's upgrader makes the answer, and a single handler of ours takes the pipeline over.
///
/// Made anew for each channel. NIO's own upgrader would leave its frame encoder in the pipeline, and with it a step and a
/// copy per delivery that broadcasts, encoded once, do not need.
struct WebSocketUpgrader: NIOTypedHTTPServerProtocolUpgrader {
    typealias UpgradeResult = ServerChannel.Outcome

    let supportedProtocol = "websocket"
    let requiredUpgradeHeaders: [String] = []

    private let acceptsConnections: @Sendable () -> Bool
    private let makeHandler: @Sendable (Connection.Endpoint) -> WebSocketHandler
    private let answer: NIOTypedWebSocketServerUpgrader<Void>
    /// Why the client did not get the upgrade it asked for; nil when it did not ask. Its connection ends with the answer.
    let refusal: NIOLoopBoundBox<WebSocketHandshake.Refusal?>

    init(
        eventLoop: any EventLoop,
        acceptsConnections: @escaping @Sendable () -> Bool,
        makeHandler: @escaping @Sendable (Connection.Endpoint) -> WebSocketHandler
    ) {
        self.acceptsConnections = acceptsConnections
        self.makeHandler = makeHandler
        self.refusal = NIOLoopBoundBox(nil, eventLoop: eventLoop)
        self.answer = NIOTypedWebSocketServerUpgrader(
            shouldUpgrade: { channel, _ in channel.eventLoop.makeSucceededFuture([:]) },
            upgradePipelineHandler: { channel, _ in channel.eventLoop.makeSucceededVoidFuture() }
        )
    }

    func buildUpgradeResponse(
        channel: any Channel,
        upgradeRequest: HTTPRequestHead,
        initialResponseHeaders: HTTPHeaders
    ) -> EventLoopFuture<HTTPHeaders> {
        do throws(WebSocketHandshake.Refusal) {
            _ = try WebSocketHandshake.validate(upgradeRequest)
            guard self.acceptsConnections() else { throw .draining }
        } catch {
            self.refusal.value = error
            return channel.eventLoop.makeFailedFuture(error)
        }
        return self.answer.buildUpgradeResponse(
            channel: channel,
            upgradeRequest: upgradeRequest,
            initialResponseHeaders: initialResponseHeaders
        )
    }

    func upgrade(channel: any Channel, upgradeRequest: HTTPRequestHead) -> EventLoopFuture<ServerChannel.Outcome> {
        channel.eventLoop.makeCompletedFuture {
            let endpoint = try WebSocketHandshake.validate(upgradeRequest)
            // An end of input is the end of the connection: half-open ones are for HTTP.
            try channel.syncOptions?.setOption(.allowRemoteHalfClosure, value: false)
            try channel.pipeline.syncOperations.addHandler(self.makeHandler(endpoint))
            return .webSocket
        }
    }
}
