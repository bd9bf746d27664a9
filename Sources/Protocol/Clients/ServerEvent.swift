/// What the node tells one client, whatever its protocol. Publications do not come this way: they are encoded once for all.
public enum ServerEvent: Sendable {
    /// The connection stands, and its client has asked to be told.
    case welcome(WelcomeMessage)
    /// The node has a message of this client. Before the message reaches anybody.
    case echo(ClientMessage, from: ConnectionID, timestamp: Int64)
    /// Something about this connection or the cluster, in words.
    case notice(String, timestamp: Int64)
    /// What became of an action: of each one with an ack id, and of those without one that failed.
    case result(ActionResult, ackID: UInt64?, timestamp: Int64)
}

/// What became of a client's action.
public typealias ActionResult = Result<Void, ActionFailure>
