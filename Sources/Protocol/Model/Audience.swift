/// The connections that a publication is for.
public enum Audience: Hashable, Sendable {
    /// Every connection of the cluster.
    case all
    case connection(ConnectionID)
    case group(AudienceName)
    case user(AudienceName)

    /// The topic on which publications for this audience are published.
    public var topic: Topic {
        switch self {
        case .all: .all
        case .connection(let id): .node(id.node)
        case .group(let name): .group(name)
        case .user(let name): .user(name)
        }
    }
}
