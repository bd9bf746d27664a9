import NIOCore

/// What every HTTP connection of a node is held to.
struct HTTPSettings: Sendable {
    /// Bytes of all header fields together, and of any one.
    var maximumHeaderBytes: Int
    var maximumHeaderFields: Int
    /// From the accepted socket to its first complete request head.
    var handshakeTimeout: TimeAmount
    /// Between requests.
    var idleTimeout: Duration
    /// Of one request.
    var maximumBodyBytes: Int
}
