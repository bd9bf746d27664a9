import NIOCore

/// What every connection of a node is held to, whatever carries it. One instance for all of them.
final class ConnectionSettings: Sendable {
    /// Bytes that may wait for a client that reads slowly.
    let maximumUnsentBytes: Int
    let bounds: ConnectionLimits
    /// How long a client may keep the node waiting.
    let timeouts: ConnectionTimeouts.Limits
    /// Milliseconds since 1970, UTC.
    let now: @Sendable () -> Int64

    /// - Parameter pingInterval: between pings; dead after one interval without any sign of life.
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
