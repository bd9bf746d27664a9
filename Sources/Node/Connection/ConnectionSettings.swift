import NIOCore

/// Settings shared by all connections of a node, on any transport.
final class ConnectionSettings: Sendable {
    /// Maximum of unsent bytes of one connection. See ``OutboxPolicy``.
    let maximumUnsentBytes: Int
    let bounds: ConnectionLimits
    /// The client timeouts.
    let timeouts: ConnectionTimeouts.Limits
    /// Milliseconds since 1970, UTC.
    let now: @Sendable () -> Int64

    /// - Parameter pingInterval: time between pings. A client that sends nothing for one interval counts as unreachable.
    init(
        maximumUnsentBytes: Int,
        pingInterval: TimeAmount,
        bounds: ConnectionLimits = ConnectionLimits(),
        now: @escaping @Sendable () -> Int64
    ) {
        self.maximumUnsentBytes = maximumUnsentBytes
        self.bounds = bounds
        self.timeouts = ConnectionTimeouts.Limits(
            pingInterval: pingInterval,
            messageTimeout: bounds.messageTimeout,
            idleTimeout: bounds.idleTimeout,
            unsentAge: bounds.unsentAge
        )
        self.now = now
    }
}
