import NIOCore
import VolaryProtocol

/// Settings shared by all WebSockets of a node.
final class WebSocketSettings: Sendable {
    let messageLimits: MessageLimits
    /// Time for a client to answer a close frame, before its socket is closed.
    let closeTimeout: TimeAmount
    /// Milliseconds since 1970, UTC.
    let now: @Sendable () -> Int64

    init(messageLimits: MessageLimits, closeTimeout: TimeAmount, now: @escaping @Sendable () -> Int64) {
        self.messageLimits = messageLimits
        self.closeTimeout = closeTimeout
        self.now = now
    }
}
