import NIOCore
import VolaryProtocol

/// What every WebSocket of a node is held to. One instance for all of them.
final class WebSocketSettings: Sendable {
    let messageLimits: MessageLimits
    /// For a client to answer a close frame; then its socket is cut.
    let closeTimeout: TimeAmount
    /// Whether the transport has the socket's own bytes, and not what TLS makes of them.
    let isPlain: Bool
    /// Milliseconds since 1970, UTC.
    let now: @Sendable () -> Int64

    init(messageLimits: MessageLimits, closeTimeout: TimeAmount, isPlain: Bool = true, now: @escaping @Sendable () -> Int64) {
        self.messageLimits = messageLimits
        self.closeTimeout = closeTimeout
        self.isPlain = isPlain
        self.now = now
    }
}
