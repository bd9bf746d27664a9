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
    let admission: Admission
    let metrics: NodeMetrics
    let acceptsConnections: @Sendable () -> Bool
    let keepsConnections: @Sendable () -> Bool
    let acceptsUserQuery: Bool
    let compresses: Bool
    let access: WebSocketAccess
    let makeWebSocketHandler: @Sendable (WebSocketHandshake.Client, any EventLoop) -> WebSocketHandler

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        channel.eventLoop.makeCompletedFuture {
            let outcome = channel.eventLoop.makePromise(of: Outcome.self)
            let value = Value(channel: channel, outcome: outcome.futureResult)
            guard let place = try self.place(for: channel) else {
                outcome.succeed(.none)
                return value
            }
            try channel.syncOptions?.setOption(.tcpOption(.tcp_nodelay), value: 1)
            if self.tls == nil { try channel.syncOptions?.beginWithSmallReceiveBuffer() }
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
            let deadlines = RequestDeadlines(
                bodyTimeout: self.settings.bodyTimeout,
                answerTimeout: self.settings.answerTimeout
            )
            let upgrade = UpgradeHandler(
                delegate: UpgradeHandler.Delegate(
                    acceptsConnections: self.acceptsConnections,
                    keepsConnections: self.keepsConnections,
                    acceptsUserQuery: self.acceptsUserQuery,
                    compresses: self.compresses,
                    access: self.access,
                    noPlace: self.metrics.connectionRefused,
                    makeWebSocketHandler: self.makeWebSocketHandler,
                    becomeHTTP: { .http(try self.addHTTPHandlers($0, logger: logger)) }
                ),
                place: place,
                timeout: self.settings.handshakeTimeout,
                outcome: outcome,
                httpHandlers: [encoder, errors, deadlines, halfClose, decoder]
            )
            try channel.pipeline.syncOperations.addHandlers([halfClose, encoder, decoder, deadlines, errors, upgrade])
            return value
        }
    }

    /// Counts the socket, and lets its proxy, if it has one to speak for it, say whose it is.
    /// - Returns: nil when there is no room for it, not even for an answer; it is closed then.
    private func place(for channel: any Channel) throws -> Place? {
        let place = Place(in: self.admission, peer: IPAddress(channel.remoteAddress))
        channel.closeFuture.assumeIsolated().whenComplete { _ in place.leave() }
        guard !place.isRefused else {
            self.metrics.connectionRefused()
            channel.close(promise: nil)
            return nil
        }
        guard place.expectsProxyHeader else { return place }
        let metrics = self.metrics
        try channel.pipeline.syncOperations.addHandler(
            ProxyProtocolHandler { header in
                if let header { place.received(header) }
                guard header == nil || place.isRefused else { return }
                metrics.connectionRefused()
                channel.close(promise: nil)
            }
        )
        return place
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
