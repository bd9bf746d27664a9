import NIOCore
import Protocol

/// What every WebSocket of a node is held to.
struct WebSocketSettings: Sendable {
    var messageLimits: MessageLimits
    var maximumUnsentBytes: Int
    /// Between pings; dead after one interval without any sign of life.
    var pingInterval: TimeAmount
    /// For a client to answer a close frame.
    var closeTimeout: TimeAmount
    /// Milliseconds since 1970, UTC.
    var now: @Sendable () -> Int64
    var bounds = ConnectionBounds()
    /// Whether the sockets are TLS.
    var isEncrypted = false

    var patience: Patience.Limits {
        Patience.Limits(
            pingInterval: self.pingInterval,
            messageTimeout: self.bounds.messageTimeout,
            idleTimeout: self.bounds.idleTimeout,
            unsentAge: self.bounds.unsentAge
        )
    }
}
