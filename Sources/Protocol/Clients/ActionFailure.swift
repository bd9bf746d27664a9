/// Why an action was not carried out. Each client protocol has its own words for it.
public enum ActionFailure: Error, Hashable, Sendable {
    /// The client lacks the permission.
    case forbidden
    /// The message exceeds the size limit of the cluster.
    case tooLarge
    /// The broker refuses the message. A retry would fail, too.
    case refused
    /// No client is connected to get the message, and the history for clients that are away is full. A retry may succeed.
    case historyFull
    /// Too many messages are queued. A retry may succeed.
    case busy
    /// The hub is over one of its quotas: messages or bytes of this second, or bytes in Redis. A retry may succeed.
    case overQuota
    /// The cluster is unreachable. A retry may succeed.
    case unreachable
    /// An action with the same ack id has been carried out.
    case duplicate
    /// The application did not carry out the action: it has no handler for the event, or the handler failed.
    case failed
}
