/// What a session makes of the next part of a message.
public enum SessionStep: Hashable, Sendable {
    /// The application carries out the action.
    case action(ClientAction)
    /// The session itself replies to its client. The reply keeps its place among the results of earlier actions that are
    /// complete, and among publications.
    case reply(ClientMessage)
    /// The client has received every publication up to this number of its connection (``ClientSession/writeTail(to:)``). The
    /// number is the client's: it may be old, or higher than any that was sent.
    case acknowledged(UInt64)
    /// The part can be read only after the result of an unfinished action of this connection, and there is at least one. It is
    /// left unchanged; the node passes it again after the next result, and reads no other message before.
    case wait
    /// The part needs neither: a sign of life, for example, or the beginning of a part that the next message completes.
    case nothing
}
