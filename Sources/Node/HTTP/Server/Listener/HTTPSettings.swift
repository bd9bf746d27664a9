import NIOCore

/// What every HTTP connection of a node is held to.
struct HTTPSettings: Sendable {
    /// Bytes of all header fields together, and of any one.
    var maximumHeaderBytes: Int
    var maximumHeaderFields: Int
    /// From the accepted socket to its first complete request head.
    var handshakeTimeout: TimeAmount
    /// From a request's head to its end.
    var bodyTimeout = TimeAmount.seconds(30)
    /// For a client to read on when its answer waits.
    var answerTimeout = TimeAmount.seconds(30)
    /// Between requests.
    var idleTimeout: TimeAmount
    /// Of one request.
    var maximumBodyBytes: Int
}
