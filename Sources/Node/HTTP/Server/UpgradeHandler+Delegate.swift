import NIOCore
import NIOHTTP1

extension UpgradeHandler {
    /// What the handler cannot decide by itself.
    struct Delegate: Sendable {
        /// Whether WebSockets are taken now.
        var acceptsConnections: @Sendable () -> Bool
        /// Whether an HTTP connection may have another request; else the one that comes now is its last.
        var keepsConnections: @Sendable () -> Bool
        /// As of ``WebSocketHandshake/validate(_:endpoints:acceptsUserQuery:compresses:)``.
        var endpoints: [Endpoint]
        var acceptsUserQuery: Bool
        var compresses: Bool
        var admission: WebSocketAdmission
        /// Told of every refusal, with the request that it answers.
        var refused: @Sendable (WebSocketHandshake.Refusal, HTTPRequestHead) -> Void = { _, _ in }
        var makeWebSocketTransport: @Sendable (WebSocketAdmission.AdmittedClient) -> WebSocketTransport
        /// Adds what answers requests behind this handler. Called with the first request that is one for the router.
        /// - Returns: the handlers that go when the connection becomes a WebSocket.
        var becomeHTTP: @Sendable (any Channel, RequestReader) throws -> [any RemovableChannelHandler]
    }
}
