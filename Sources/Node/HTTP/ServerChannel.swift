import HTTPTypes
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1
import NIOHTTPTypes
import NIOHTTPTypesHTTP1

/// What a node makes of each accepted socket: a WebSocket if its first request asks for one, else HTTP for the router.
///
/// After the upgrade no task belongs to the connection: ``handle(value:logger:)`` returns at once.
struct ServerChannel: HTTPChannelHandler {
    /// What the first request decided.
    enum Outcome: Sendable {
        case webSocket
        case http(NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>)
        /// An upgrade was refused, and the socket ends with the answer; or it ended before it said what it was for.
        case none
    }

    struct Value: ServerChildChannelValue {
        let channel: any Channel
        let outcome: EventLoopFuture<Outcome>
    }

    let responder: HTTPChannelHandler.Responder
    let settings: HTTPSettings
    /// Nil: plain.
    let tls: ServerTLS?
    let tlsFailed: @Sendable (any Error) -> Void
    let acceptsConnections: @Sendable () -> Bool
    let keepsConnections: @Sendable () -> Bool
    let acceptsUserQuery: Bool
    let compresses: Bool
    let access: WebSocketAccess
    let makeWebSocketHandler: @Sendable (WebSocketHandshake.Client, any EventLoop) -> WebSocketHandler

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        channel.eventLoop.makeCompletedFuture {
            try channel.syncOptions?.setOption(.tcpOption(.tcp_nodelay), value: 1)
            try self.tls?.addHandlers(to: channel, failed: self.tlsFailed)
            var limits = NIOHTTPDecoderLimitConfiguration()
            limits.maxHeaderListSize = self.settings.maximumHeaderBytes
            limits.maxHeaderFieldSize = self.settings.maximumHeaderBytes
            limits.maxHeaderFieldCount = self.settings.maximumHeaderFields
            let halfClose = HalfCloseHandler()
            let encoder = HTTPResponseEncoder()
            let decoder = ByteToMessageHandler(
                HTTPRequestDecoder(leftOverBytesStrategy: .forwardBytes, limitConfiguration: limits)
            )
            let errors = HTTPErrorHandler(settings: self.settings)
            let outcome = channel.eventLoop.makePromise(of: Outcome.self)
            let upgrade = UpgradeHandler(
                delegate: UpgradeHandler.Delegate(
                    acceptsConnections: self.acceptsConnections,
                    keepsConnections: self.keepsConnections,
                    acceptsUserQuery: self.acceptsUserQuery,
                    compresses: self.compresses,
                    access: self.access,
                    makeWebSocketHandler: self.makeWebSocketHandler,
                    becomeHTTP: { .http(try self.addHTTPHandlers($0, logger: logger)) }
                ),
                timeout: self.settings.handshakeTimeout,
                outcome: outcome,
                httpHandlers: [encoder, errors, halfClose, decoder]
            )
            try channel.pipeline.syncOperations.addHandlers([halfClose, encoder, decoder, errors, upgrade])
            return Value(channel: channel, outcome: outcome.futureResult)
        }
    }

    private func addHTTPHandlers(
        _ channel: any Channel,
        logger: Logger
    ) throws -> NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart> {
        let pipeline = channel.pipeline.syncOperations
        try pipeline.addHandler(HTTP1ToHTTPServerCodec(secure: self.tls != nil))
        try pipeline.addHandler(HTTPConnectionStateHandler(idleTimeout: self.settings.idleTimeout, logger: logger))
        return try NIOAsyncChannel(
            wrappingChannelSynchronously: channel,
            configuration: .init(isOutboundHalfClosureEnabled: true)
        )
    }

    func handle(value: Value, logger: Logger) async {
        guard case .http(let channel)? = try? await value.outcome.get() else { return }
        await self.handleHTTP(asyncChannel: channel, logger: logger)
    }
}
