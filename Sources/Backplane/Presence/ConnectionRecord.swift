public import Protocol

/// What a node says of one of its connections in the presence store.
public struct ConnectionRecord: Hashable, Sendable {
    public let id: ConnectionID
    /// What is spoken on it: `plain` on `/ws`, `echo` on `/echo`.
    public let `protocol`: String
    /// Milliseconds since 1970, on the node's clock.
    public let connectedAt: Int64
    /// Nil: nobody in particular.
    public let user: Name?
    public let groups: Set<Name>

    public init(
        id: ConnectionID,
        protocol: String,
        connectedAt: Int64,
        user: Name? = nil,
        groups: Set<Name> = []
    ) {
        self.id = id
        self.protocol = `protocol`
        self.connectedAt = connectedAt
        self.user = user
        self.groups = groups
    }
}

/// A connection with the name of the node that holds it.
public struct ListedConnection: Hashable, Sendable {
    public let record: ConnectionRecord
    public let nodeName: String

    public init(record: ConnectionRecord, nodeName: String) {
        self.record = record
        self.nodeName = nodeName
    }
}

/// Which connections to list.
public struct ConnectionQuery: Hashable, Sendable {
    /// Connections a page, 1 to ``PresenceLimits/pageSize``.
    public let limit: Int
    /// Only ids above this one: where the page before ended.
    public let after: ConnectionID?
    /// Only those on nodes of this name.
    public let nodeName: String?
    /// Only those of this user.
    public let user: Name?
    /// Only those in this group.
    public let group: Name?

    public init(
        limit: Int,
        after: ConnectionID? = nil,
        nodeName: String? = nil,
        user: Name? = nil,
        group: Name? = nil
    ) {
        precondition((1...PresenceLimits.pageSize).contains(limit), "callers check the limit that clients give")
        self.limit = limit
        self.after = after
        self.nodeName = nodeName
        self.user = user
        self.group = group
    }
}

/// One page of connections.
public struct ConnectionPage: Hashable, Sendable {
    /// At most the query's limit, ascending by id.
    public let connections: [ListedConnection]
    /// All that match the query, on every page.
    public let total: Int
    /// Whether more follow the last.
    public let hasMore: Bool
    /// Names of nodes that should have answered with all they hold and did not: their lease has expired and nobody has reaped them yet, or
    /// they are registering.
    public let missing: [String]
    /// Every node that holds a lease, whatever the query's filters.
    public let nodes: Set<NodeID>

    public init(connections: [ListedConnection], total: Int, hasMore: Bool, missing: [String], nodes: Set<NodeID>) {
        self.connections = connections
        self.total = total
        self.hasMore = hasMore
        self.missing = missing
        self.nodes = nodes
    }
}
