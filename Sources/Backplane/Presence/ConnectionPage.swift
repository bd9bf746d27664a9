public import VolaryProtocol

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
