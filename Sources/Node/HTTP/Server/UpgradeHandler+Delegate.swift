import NIOCore
import NIOHTTP1

extension UpgradeHandler {
    /// What the handler cannot decide by itself.
    struct Delegate: Sendable {
        /// Whether WebSockets are taken now.
        var acceptsConnections: @Sendable () -> Bool
        /// Whether an HTTP connection may have another request; else the one that comes now is its last.
        var keepsConnections: @Sendable () -> Bool
        /// As of ``WebSocketHandshake/validate(_:acceptsUserQuery:compresses:)``.
        var acceptsUserQuery: Bool
        var compresses: Bool
        var admission: WebSocketAdmission
        /// Called when there is no room for the socket.
        var noPlace: @Sendable () -> Void = {}
        /// Called when a handshake is answered with a refusal.
        var refused: @Sendable (WebSocketHandshake.Refusal, HTTPRequestHead) -> Void = { _, _ in }
        var makeWebSocketHandler: @Sendable (WebSocketAdmission.Guest) -> WebSocketHandler
        /// Adds what HTTP needs behind this handler.
        var becomeHTTP: @Sendable (any Channel) throws -> Void
    }
}
