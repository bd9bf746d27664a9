/// Texts of `disconnected` messages, and of close frames, that the node writes.
public enum PubSubCloseText {
    /// Closed by REST.
    /// - Parameter reason: of the caller; nil or empty for none.
    public static func closedByApplication(reason: String?) -> String {
        let text = "Application server closed the connection."
        guard let reason, !reason.utf8.isEmpty else { return text }
        return "\(text) Reason: \(reason)"
    }

    /// A recovery that is refused, after 101, with 1008.
    public static let cannotRecover = "The connection could not be recovered."
}
