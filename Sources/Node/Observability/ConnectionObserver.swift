import VolaryProtocol

/// Is told of what happens on connections, to count and to log it. On each connection's event loop.
protocol ConnectionObserver: AnyObject, Sendable {
    func connectionOpened()

    func messageReceived()

    /// A connection is being closed because its client went past a limit. At most once, before ``connectionClosed(_:_:)``.
    func limitExceeded(_ violation: LimitViolation)

    /// A message went past the client's rate and was dropped.
    /// - Parameter isFirst: since one that was not.
    func messageDropped(isFirst: Bool)

    /// A client ended its connection with more unread bytes than are kept for it: the rest was dropped.
    func clientGoneUnread()

    func connectionClosed(_ id: ConnectionID, _ ending: TransportEnding)
}
