public import VolaryProtocol

/// Which connections to list.
public struct ConnectionQuery: Hashable, Sendable {
    /// Connections a page, 1 to ``PresenceLimits/pageSize``.
    public let limit: Int
    /// Only ids above this one: where the page before ended.
    public let after: ConnectionID?
    /// Only those on nodes of this name.
    public let nodeName: UTF8Text?
    /// Only those of this user.
    public let user: AudienceName?
    /// Only those in this group.
    public let group: AudienceName?

    public init(
        limit: Int,
        after: ConnectionID? = nil,
        nodeName: UTF8Text? = nil,
        user: AudienceName? = nil,
        group: AudienceName? = nil
    ) {
        precondition((1...PresenceLimits.pageSize).contains(limit), "callers check the limit that clients give")
        self.limit = limit
        self.after = after
        self.nodeName = nodeName
        self.user = user
        self.group = group
    }

    /// Whether connections on nodes of this name are asked for.
    public func includes(nodesNamed name: String) -> Bool { self.nodeName.map { $0 == UTF8Text(name) } ?? true }
}
