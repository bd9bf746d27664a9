import NIOCore
import VolaryProtocol

/// Settings shared by all WebSockets of a node.
final class WebSocketSettings: Sendable {
    let messageLimits: MessageLimits
    /// Time for a client to answer a close frame, before its socket is closed.
    let closeTimeout: TimeAmount
    /// Whether the transport writes to the socket itself. False with TLS.
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
