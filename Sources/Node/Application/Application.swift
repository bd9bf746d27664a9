import VolaryProtocol

/// Decides what the actions of clients do: ``PlainRelay``, ``Echo``.
///
/// One instance serves all connections of its ``Endpoint``. It is called on each connection's event loop, and must not block
/// there; nothing on the way of a message is asynchronous unless it waits for something.
protocol Application: AnyObject, Sendable {
    /// The connection stands, and nothing that its client sent has been handled. Nothing else is sent to it before this returns.
    func connected(_ connection: Connection, _ request: ConnectRequest)

    /// Carries out what a client asks for.
    /// - Parameter done: to be called once, with what became of it, when the next action may come; before this returns, or later
    ///   from any thread. A client that gave its action a number gets the result as its protocol's acknowledgement; else it is
    ///   told of failures only.
    func received(_ action: ClientAction, from connection: Connection, done: ActionCompletion)

    /// Called once. The connection takes nothing any more, and all its actions have been received, though perhaps not finished.
    func disconnected(_ connection: Connection)
}
