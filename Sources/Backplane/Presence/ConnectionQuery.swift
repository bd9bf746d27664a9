public import VolaryProtocol

/// A query for a list of connections of one hub.
public struct ConnectionQuery: Hashable, Sendable {
    public let hub: HubName
    /// Connections on a page, 1 to ``PresenceLimits/pageSize``.
    public let limit: Int
    /// Only ids above this one: the last id of the previous page.
    public let after: ConnectionID?
    /// Only connections on nodes of this name.
    public let nodeName: UTF8Text?
    /// Only connections of this user.
    public let user: AudienceName?
    /// Only connections in this group.
    public let group: AudienceName?

    public init(
        in hub: HubName,
        limit: Int,
        after: ConnectionID? = nil,
        nodeName: UTF8Text? = nil,
        user: AudienceName? = nil,
        group: AudienceName? = nil
    ) {
        precondition((1...PresenceLimits.pageSize).contains(limit), "limit is out of range")
        self.hub = hub
        self.limit = limit
        self.after = after
        self.nodeName = nodeName
        self.user = user
        self.group = group
    }

    /// Whether the query includes connections on nodes of this name.
    public func includes(nodesNamed name: String) -> Bool { self.nodeName.map { $0 == UTF8Text(name) } ?? true }
}
