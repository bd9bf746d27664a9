import NIOCore

/// Settings shared by all HTTP connections of a node.
struct HTTPSettings: Sendable {
    /// Maximum size in bytes of all header fields together, and of each one.
    var maximumHeaderBytes: Int
    var maximumHeaderFields: Int
    /// Maximum time from the accepted socket to the first complete request head.
    var handshakeTimeout: TimeAmount
    /// Maximum time from a request's head to its end.
    var bodyTimeout = TimeAmount.seconds(30)
    /// Maximum time for which a client may not read while its answer is waiting.
    var answerTimeout = TimeAmount.seconds(30)
    /// Maximum time between requests.
    var idleTimeout: TimeAmount
    /// Maximum size of a request body in bytes.
    var maximumBodyBytes: Int
    /// Listeners that serve HTTP/2 besides HTTP/1.1.
    var http2 = HTTP2Mode.tls
    /// Maximum of open streams on an HTTP/2 connection.
    var maximumStreams = 1000

    func acceptsHTTP2(isSecure: Bool) -> Bool {
        switch self.http2 {
        case .off: false
        case .tls: isSecure
        case .on: true
        }
    }
}
