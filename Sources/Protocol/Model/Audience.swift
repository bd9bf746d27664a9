/// The connections of a hub that a publication is for.
public enum Audience: Hashable, Sendable {
    /// Every connection of the hub.
    case all
    case connection(ConnectionID)
    case group(AudienceName)
    case user(AudienceName)

    /// The topic on which publications for this audience of a hub are published.
    public func topic(in hub: HubName) -> Topic {
        switch self {
        case .all: .all(hub)
        case .connection(let id): id.isRoaming ? .connection(hub, id) : .node(id.node)
        case .group(let name): .group(hub, name)
        case .user(let name): .user(hub, name)
        }
    }
}
