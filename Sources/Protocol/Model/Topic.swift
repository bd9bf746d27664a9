/// An address for messages between nodes. Nodes subscribe to topics; connections do not.
public enum Topic: Hashable, Sendable {
    /// Every connection of the cluster. Every node is always subscribed.
    case all
    /// One node: messages to one of its connections, receipts, and commands from other nodes. Each node is always subscribed to
    /// its own.
    case node(NodeID)
    /// The connections in a group. A node is subscribed while it holds one.
    case group(AudienceName)
    /// The connections of a user. A node is subscribed while it holds one.
    case user(AudienceName)
}
