/// Where a publication goes. Nodes subscribe to topics; connections do not.
public enum Topic: Hashable, Sendable {
    /// Every connection of the cluster. Every node subscribes to it, always.
    case all
    /// One node: targeted sends, receipts, requests from other nodes. Each node subscribes to its own, always.
    case node(NodeID)

    /// The text that names the topic towards the broker: `all`, `node:<8 hex digits>`.
    public var name: String {
        switch self {
        case .all: "all"
        case .node(let id): "node:\(id)"
        }
    }

    /// - Parameter name: as ``name`` gives it; anything else gives nil.
    public init?(name: some StringProtocol) {
        if name == "all" {
            self = .all
        } else if name.hasPrefix("node:"), let id = NodeID(name.dropFirst(5)) {
            self = .node(id)
        } else {
            return nil
        }
    }
}
