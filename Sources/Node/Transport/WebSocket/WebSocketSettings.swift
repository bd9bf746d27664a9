import NIOCore
import VolaryProtocol

/// What every WebSocket of a node is held to. One instance for all of them.
final class WebSocketSettings: Sendable {
    let messageLimits: MessageLimits
    /// That may wait for a client that reads slowly.
    let maximumUnsentBytes: Int
    /// Between pings; dead after one interval without any sign of life.
    let pingInterval: TimeAmount
    /// For a client to answer a close frame; then its socket is cut.
    let closeTimeout: TimeAmount
    /// Milliseconds since 1970, UTC.
    let now: @Sendable () -> Int64
    let bounds: ConnectionLimits
    /// Whether the handler has the socket's own bytes, and not what TLS makes of them.
    let isPlain: Bool
    /// How long a client may keep the node waiting.
    let timeouts: ConnectionTimeouts.Limits

    init(
        messageLimits: MessageLimits,
        maximumUnsentBytes: Int,
        pingInterval: TimeAmount,
        closeTimeout: TimeAmount,
        now: @escaping @Sendable () -> Int64,
        bounds: ConnectionLimits = ConnectionLimits(),
        isPlain: Bool = true
    ) {
        self.messageLimits = messageLimits
        self.maximumUnsentBytes = maximumUnsentBytes
        self.pingInterval = pingInterval
        self.closeTimeout = closeTimeout
        self.now = now
        self.bounds = bounds
        self.isPlain = isPlain
        self.timeouts = ConnectionTimeouts.Limits(
            pingInterval: pingInterval,
            messageTimeout: bounds.messageTimeout,
            idleTimeout: bounds.idleTimeout,
            unsentAge: bounds.unsentAge
        )
    }
}
