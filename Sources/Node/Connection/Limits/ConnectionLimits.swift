import NIOCore

/// What one client may do on its WebSocket, over time. The defaults are those of the options.
struct ConnectionLimits: Hashable, Sendable {
    /// What happens to a message past a rate.
    enum OverRate: String, Sendable, CaseIterable {
        /// The connection ends with 1008.
        case close
        /// The message does, and its sender is told.
        case drop
    }

    /// From the first byte of a message to its last.
    var messageTimeout = TimeAmount.seconds(60)
    /// Between messages; nil: any time.
    var idleTimeout: TimeAmount?
    /// For a byte to leave for the kernel.
    var unsentAge = TimeAmount.seconds(30)
    /// Messages, pings and pongs a second; nil: any number.
    var messagesPerSecond: Int?
    /// As they come over the wire, frame headers included; nil: any number.
    var bytesPerSecond: Int?
    var overRate = OverRate.close
}
