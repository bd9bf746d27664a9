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
        /// An upgrade was refused, and the socket ends with the answer; or it ended before it could be told what it was for.
        case none
    }

    struct Value: ServerChildChannelValue {
        let channel: any Channel
        let outcome: EventLoopFuture<Outcome>
    }

    let responder: HTTPChannelHandler.Responder
    let settings: HTTPSettings
    let makeUpgrader: @Sendable (any EventLoop) -> WebSocketUpgrader

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        channel.eventLoop.makeCompletedFuture {
            try channel.syncOptions?.setOption(.tcpOption(.tcp_nodelay), value: 1)
            let upgrader = self.makeUpgrader(channel.eventLoop)
            let settings = self.settings
            var pipeline = NIOUpgradableHTTPServerPipelineConfiguration(
                upgradeConfiguration: NIOTypedHTTPServerUpgradeConfiguration(
                    upgraders: [upgrader],
                    notUpgradingCompletionHandler: { channel in
                        channel.eventLoop.makeCompletedFuture {
                            if let refusal = upgrader.refusal.value {
                                try channel.pipeline.syncOperations.addHandler(RefusedUpgradeHandler(refusal))
                                return .none
                            }
                            return .http(try Self.addHTTPHandlers(channel, settings, logger: logger))
                        }
                    }
                )
            )
            // NIOAsyncChannel hands requests over one by one, and HTTP types validate the fields that they carry.
            pipeline.enablePipelining = false
            pipeline.enableResponseHeaderValidation = false
            pipeline.decoderConfiguration.maxHeaderListSize = settings.maximumHeaderBytes
            pipeline.decoderConfiguration.maxHeaderFieldSize = settings.maximumHeaderBytes
            pipeline.decoderConfiguration.maxHeaderFieldCount = settings.maximumHeaderFields
            let guardian = HandshakeGuard(timeout: settings.handshakeTimeout)
            try channel.pipeline.syncOperations.addHandler(guardian)
            let outcome = try channel.pipeline.syncOperations.configureUpgradableHTTPServerPipeline(configuration: pipeline)
            outcome.assumeIsolated().whenComplete { _ in
                channel.pipeline.syncOperations.removeHandler(guardian, promise: nil)
            }
            return Value(channel: channel, outcome: outcome.flatMapErrorThrowing { _ in .none })
        }
    }

    private static func addHTTPHandlers(
        _ channel: any Channel,
        _ settings: HTTPSettings,
        logger: Logger
    ) throws -> NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart> {
        let pipeline = channel.pipeline.syncOperations
        try pipeline.addHandler(HTTP1ToHTTPServerCodec(secure: false))
        try pipeline.addHandler(HTTPConnectionStateHandler(idleTimeout: settings.idleTimeout, logger: logger))
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
