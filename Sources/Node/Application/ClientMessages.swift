/// Which clients' messages on `/ws` a node relays to every client of their hub: `--client-messages`.
///
/// The sender's node decides. The other nodes deliver every message that they get.
public enum ClientMessages: String, Sendable, CaseIterable {
    /// Messages of every client.
    case all
    /// Messages of clients whose token has the permission `broadcast`.
    case permitted
    /// No messages of clients.
    case off
}
