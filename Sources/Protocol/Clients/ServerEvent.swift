/// Something that the node tells one client, in any client protocol. Publications are not events, because they are encoded once
/// for all.
public enum ServerEvent: Sendable {
    /// The connection is open, and the client asked for a welcome message.
    case welcome(WelcomeMessage)
    /// The connection is new and open. The first event of a protocol that tells its clients so. Not repeated when a client
    /// resumes its connection.
    /// - reconnectionToken: for a client that may resume the connection.
    case connected(reconnectionToken: String?)
    /// The node has accepted a message of this client, and has not published it yet.
    case echo(ClientMessage, from: ConnectionID, timestamp: Int64)
    /// A text about this connection or the cluster.
    case notice(String, timestamp: Int64)
    /// The result of an action: of each action with an ack id, and of each failed action without one.
    case result(ActionResult, ackID: AckID?, timestamp: Int64)
    /// A record for a client of a hub.
    case hub(HubReply)
    /// The node pings the client now. For a protocol that has a ping of its own.
    case ping
    /// The node is about to close the connection, for this reason. The message for this event is the last one before the close
    /// frame. Without effect when the client has closed, or does not read.
    case closing(CloseCode, reason: String)
}

/// The result of a client's action.
public typealias ActionResult = Result<Void, ActionFailure>
