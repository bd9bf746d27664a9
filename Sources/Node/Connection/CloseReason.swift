import VolaryProtocol

/// How the node ends a connection.
enum CloseReason: Hashable, Sendable {
    /// Sends a close frame. Messages that the client sends before its own close frame are still handled.
    case close(CloseCode, reason: String)
    /// Like `close`, because a caller wants the client to go: once the client has disconnected, its unhandled messages are dropped.
    /// - text: for the session's last message, in place of the reason.
    case dismissal(CloseCode, reason: String, text: String? = nil)
    /// Sends a close frame, because the client violated the protocol or a limit. Later messages of the client are ignored.
    case violation(ProtocolViolation)
    /// Closes the transport at once, without a close frame, and discards unsent bytes.
    case cut

    /// The event that announces the end to the session; nil without a close frame.
    var event: ServerEvent? {
        switch self {
        case .close(let code, let reason): .closing(code, reason: reason)
        case .dismissal(let code, let reason, let text): .closing(code, reason: text ?? reason)
        case .violation(let violation): .closing(violation.closeCode, reason: violation.reason)
        case .cut: nil
        }
    }
}
