/// Where messages between nodes go. Nodes subscribe to topics; connections do not.
public enum Topic: Hashable, Sendable {
    /// Every connection of the cluster. Every node subscribes to it, always.
    case all
    /// One node: targeted sends, receipts, requests from other nodes. Each node subscribes to its own, always.
    case node(NodeID)
    /// The connections in a group. A node subscribes while it holds one.
    case group(Name)
    /// The connections of a user. A node subscribes while it holds one.
    case user(Name)

    /// The text that names the topic towards the broker: `all`, `node:<8 hex digits>`, `group:<name>`, `user:<name>`.
    public var name: String {
        switch self {
        case .all: "all"
        case .node(let id): "node:\(id)"
        case .group(let name): "group:\(name)"
        case .user(let name): "user:\(name)"
        }
    }

    /// - Parameter name: as ``name`` gives it; anything else gives nil.
    public init?(name: some StringProtocol) {
        if name == "all" {
            self = .all
        } else if name.hasPrefix("node:"), let id = NodeID(name.dropFirst(5)) {
            self = .node(id)
        } else if name.hasPrefix("group:"), let group = Name(name.dropFirst(6)) {
            self = .group(group)
        } else if name.hasPrefix("user:"), let user = Name(name.dropFirst(5)) {
            self = .user(user)
        } else {
            return nil
        }
    }
}
