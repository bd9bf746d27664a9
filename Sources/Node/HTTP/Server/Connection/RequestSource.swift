import NIOCore

/// Provides the requests of a connection to its handlers. For HTTP/1.1 this is ``RequestReader``.
///
/// ``HTTPErrorHandler``, ``RequestDeadlines`` and ``RequestHandler`` need nothing else from the handlers before them. An HTTP/2
/// stream needs another implementation, and can use the same handlers.
protocol RequestSource: AnyObject {
    /// Whether the maximum of requests or parts is buffered. While true, nothing is decoded or read.
    var isFull: Bool { get set }

    /// Whether something that has arrived waits for its turn to be decoded.
    var hasTurn: Bool { get }

    /// Number of additional body bytes that may be buffered: the rest of a body that is being collected.
    var bodyBytes: Int { get set }

    /// Ends the requests: buffered and later bytes are dropped. Nothing is read until the last answer has been sent.
    func end()

    /// Like ``end()``. In addition, the connection is closed when the client has closed its half, or some time after the last
    /// answer.
    /// - Parameter answered: completed when the last answer has been sent.
    func end(after answered: EventLoopFuture<Void>)
}
