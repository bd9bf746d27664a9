/// Why a call has no result, in the words of SignalR.
public enum HubFailure: Error, Hashable, Sendable {
    case unknownMethod
    /// The arguments are too many, too few, or of other types than the method's.
    case arguments
    case unauthorized
    /// The client expects one result of a method that streams.
    case isStream
    /// The client expects a stream of a method that has one result.
    case isNoStream
    case uploads(sent: Int, expected: Int)
    /// The id, or that of an upload, is the id of a call or an upload that has not ended.
    case idInUse(String)
    /// The method has failed. The text is for the client; nil: nothing is known that the client may know.
    case failed(String?)
    /// The method has failed after it began to stream.
    case streamFailed(String?)
    /// The client has too many calls beside each other.
    case tooMany

    /// For the client.
    func text(_ target: String) -> String {
        switch self {
        case .unknownMethod: "Unknown hub method '\(target)'"
        case .arguments: "Failed to invoke '\(target)' due to an error on the server."
        case .unauthorized: "Failed to invoke '\(target)' because user is unauthorized"
        case .isStream: "The client attempted to invoke the streaming '\(target)' method with a non-streaming invocation."
        case .isNoStream: "The client attempted to invoke the non-streaming '\(target)' method with a streaming invocation."
        case .uploads(let sent, let expected): "Client sent \(sent) stream(s), Hub method expects \(expected)."
        case .idInUse(let id): "Invocation ID '\(id)' is already in use."
        case .failed(let text):
            "An unexpected error occurred invoking '\(target)' on the server." + (text.map { " HubException: \($0)" } ?? "")
        case .streamFailed(let text):
            "An error occurred on the server while streaming results." + (text.map { " HubException: \($0)" } ?? "")
        case .tooMany: "Failed to invoke '\(target)' due to an error on the server. Too many calls are in progress."
        }
    }
}
