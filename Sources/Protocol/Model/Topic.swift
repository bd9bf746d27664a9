/// Where messages between nodes go. Nodes subscribe to topics; connections do not.
public enum Topic: Hashable, Sendable {
    /// Every connection of the cluster. Every node subscribes to it, always.
    case all
    /// One node: targeted sends, receipts, requests from other nodes. Each node subscribes to its own, always.
    case node(NodeID)
    /// The connections in a group. A node subscribes while it holds one.
    case group(AudienceName)
    /// The connections of a user. A node subscribes while it holds one.
    case user(AudienceName)
}
