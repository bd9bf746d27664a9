/// Whose messages on `/ws` a node sends on to every client of the cluster: `--client-messages`.
///
/// The node that a client is connected to decides; the others deliver what it sends on.
public enum ClientMessages: String, Sendable, CaseIterable {
    /// Of every client.
    case all
    /// Of clients whose token has the permission `broadcast`.
    case permitted
    /// Of none.
    case off
}
