import NIOCore
import VolaryProtocol

/// Carries out the actions of clients. Implemented by ``PlainRelay`` and ``Echo``.
///
/// One instance serves all connections of its ``Endpoint``. It is called on the connection's event loop and must not block. The
/// handling of a message is asynchronous only where it waits for something.
protocol Application: AnyObject, Sendable {
    /// Called once, when the connection is open and no message of the client has been handled. Nothing else is sent to the
    /// client before this returns.
    func connected(_ connection: Connection, _ request: ConnectRequest)

    /// Carries out an action.
    /// - Parameter done: call exactly once with the result, when the next action may follow, before or after this returns, from
    ///   any thread. A client that numbered the action gets the result as an acknowledgment in its protocol. Other clients are
    ///   told of failures only.
    func received(_ action: ClientAction, from connection: Connection, done: ActionCompletion)

    /// The client has received every publication up to this number of its connection.
    func acknowledged(_ number: UInt64, by connection: Connection)

    /// Called several times a minute, on an open connection.
    func keepAlive(_ connection: Connection, now: NIODeadline)

    /// Called once, when the connection cannot send any more. All actions have been received, but some may be unfinished.
    func disconnected(_ connection: Connection)
}

extension Application {
    func acknowledged(_ number: UInt64, by connection: Connection) {}

    func keepAlive(_ connection: Connection, now: NIODeadline) {}
}
