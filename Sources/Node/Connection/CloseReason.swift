import VolaryProtocol

/// How the node ends a connection.
enum CloseReason: Hashable, Sendable {
    /// Sends a close frame. Messages that the client sends before its own close frame are still handled.
    case close(CloseCode, reason: String)
    /// Sends a close frame, because the client violated the protocol or a limit. Later messages of the client are ignored.
    case violation(ProtocolViolation)
    /// Closes the transport at once, without a close frame, and discards unsent bytes.
    case cut
}
