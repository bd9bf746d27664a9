/// Why an action of a client was not carried out. The client protocol says it in its own words.
public enum ActionFailure: Error, Hashable, Sendable {
    /// The client may not do this.
    case forbidden
    /// The message is larger than the cluster takes.
    case tooLarge
    /// The broker does not take the message, and would not if it came again.
    case refused
    /// Nobody is there to get the message, and too much waits for clients that are away. Later it may be taken.
    case historyFull
    /// Too much waits to be sent. Later it may be taken.
    case busy
    /// The cluster cannot be reached. Later it may be taken.
    case unreachable
}
