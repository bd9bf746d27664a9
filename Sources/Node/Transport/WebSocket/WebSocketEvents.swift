import NIOCore
import VolaryProtocol

/// What WebSockets tell their node. One instance serves all of them, so that a connection keeps nothing but the way to it.
///
/// Everything is told on the connection's event loop.
protocol WebSocketEvents: AnyObject, Sendable {
    /// The id of a connection that is to live on this event loop.
    func makeID(on eventLoop: any EventLoop) -> ConnectionID

    /// Where connections of this event loop wait that have more to handle than one turn may.
    func turns(on eventLoop: any EventLoop) -> TurnQueue

    /// The connection stands; nothing has been read from it yet.
    func opened(_ connection: Connection, on eventLoop: any EventLoop)

    /// A complete message.
    /// - Parameter done: to be called, from any thread, when the next one may come: see ``WebSocketHandler/maximumUnfinishedMessages``.
    func received(
        _ message: ClientMessage,
        from connection: Connection,
        on eventLoop: any EventLoop,
        done: @escaping @Sendable () -> Void
    )

    /// Called once; the connection takes nothing any more, and all that it had sent has been received.
    func closed(_ connection: Connection, on eventLoop: any EventLoop)

    /// The connection is being closed because its client went past a bound. At most once, before ``closed(_:on:)``.
    func limitExceeded(_ violation: LimitViolation)

    /// A client ended its connection with more unread bytes than are kept; the rest is dropped.
    func goneUnread()

    /// A message went past the client's rate and was dropped.
    /// - Parameter isFirst: since one that was not.
    func dropped(_ connection: Connection, isFirst: Bool, on eventLoop: any EventLoop)
}
