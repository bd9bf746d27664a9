/// An address for messages between nodes. Nodes subscribe to topics; connections do not.
public enum Topic: Hashable, Sendable {
    /// Every connection of a hub. A node is subscribed while it holds one; to the default hub every node is always subscribed.
    case all(HubName)
    /// One node: messages to one of its connections, receipts, and commands from other nodes. Each node is always subscribed to
    /// its own.
    case node(NodeID)
    /// The connections in a group of a hub. A node is subscribed while it holds one.
    case group(HubName, AudienceName)
    /// The connections of a user in a hub. A node is subscribed while it holds one.
    case user(HubName, AudienceName)

    /// A connection of a hub whose id names no node (``NodeScopedID/isRoaming``). The node that holds it is subscribed.
    case connection(HubName, ConnectionID)

    /// Nil for the topic of a node, which serves all hubs.
    public var hub: HubName? {
        switch self {
        case .all(let hub), .group(let hub, _), .user(let hub, _), .connection(let hub, _): hub
        case .node: nil
        }
    }
}
