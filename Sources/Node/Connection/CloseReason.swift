import VolaryProtocol

/// How the node ends a connection.
enum CloseReason: Hashable, Sendable {
    /// The client is told. What it still sends counts, until it has answered.
    case close(CloseCode, reason: String)
    /// The client broke a rule, and is told. Nothing it sends counts any more.
    case violation(ProtocolViolation)
    /// At once, with everything that is unsent: nobody is there to be told.
    case cut
}
