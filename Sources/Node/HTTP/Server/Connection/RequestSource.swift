import NIOCore

/// Where the requests of a connection come from, and what its handlers ask of it: ``RequestReader`` for HTTP/1.1.
///
/// All that ``HTTPErrorHandler``, ``RequestDeadlines`` and ``RequestHandler`` need from what is in front of them. A stream of HTTP/2 has another one,
/// and the same handlers.
protocol RequestSource: AnyObject {
    /// Whether as many requests, or parts of one, wait as may: nothing more is read or decoded while it is true.
    var isFull: Bool { get set }

    /// Bytes of a body that may wait in addition: of one that is being collected, what may still come.
    var bodyBytes: Int { get set }

    /// There will be no further request: all that waits, and all that comes, is dropped. Until the last answer is out, nothing is read.
    func end()

    /// As ``end()``; and the connection is closed when the client has ended its half, or some time after the last answer.
    /// - Parameter answered: the last answer is out.
    func end(after answered: EventLoopFuture<Void>)
}
