/// What a session makes of the next part of a message.
public enum SessionStep: Hashable, Sendable {
    /// The application carries out the action.
    case action(ClientAction)
    /// The session itself replies to its client. The reply keeps its place among the results of earlier actions that are
    /// complete, and among publications.
    case reply(ClientMessage)
    /// The part needs neither: a sign of life, for example, or the beginning of a part that the next message completes.
    case nothing
}
