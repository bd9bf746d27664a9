import VolaryProtocol

extension Topic {
    /// The topics that a connection counts as a member of from the start: of its hub, to which a node is not always subscribed, of its
    /// user, and of the connection itself if its id names no node.
    static func joined(in hub: HubName, by user: AudienceName?, as id: ConnectionID?) -> [Topic] {
        var topics: [Topic] = hub.isDefault ? [] : [.all(hub)]
        if let user { topics.append(.user(hub, user)) }
        if let id, id.isRoaming { topics.append(.connection(hub, id)) }
        return topics
    }
}
