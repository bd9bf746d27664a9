import NIOCore

/// Limits of one client's connection. The defaults are those of the command line options.
struct ConnectionLimits: Hashable, Sendable {
    /// What happens to a message above a rate.
    enum OverRate: String, Sendable, CaseIterable {
        /// The connection is closed with 1008.
        case close
        /// The message is dropped, and its sender is notified.
        case drop
    }

    /// Maximum time from the first byte of a message to its last.
    var messageTimeout = TimeAmount.seconds(60)
    /// Maximum time between messages; nil for no limit.
    var idleTimeout: TimeAmount?
    /// Maximum time until a byte is handed to the kernel.
    var unsentAge = TimeAmount.seconds(30)
    /// Messages, pings and pongs per second; nil for no limit.
    var messagesPerSecond: Int?
    /// Bytes per second on the wire, including frame headers; nil for no limit.
    var bytesPerSecond: Int?
    var overRate = OverRate.close
}
