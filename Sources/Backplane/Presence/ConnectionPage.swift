public import VolaryProtocol

/// One page of the connections of a hub.
public struct ConnectionPage: Hashable, Sendable {
    /// At most the query's limit, in ascending order of ids.
    public let connections: [ListedConnection]
    /// How many connections match the query, on all pages.
    public let total: Int
    /// Whether connections follow after the last one.
    public let hasMore: Bool
    /// Names of nodes whose connections are missing or incomplete: their lease has expired and they have not been reaped yet, or
    /// they are registering.
    public let missing: [String]
    /// Every node with a live lease, regardless of the query's hub and filters.
    public let nodes: Set<NodeID>

    public init(connections: [ListedConnection], total: Int, hasMore: Bool, missing: [String], nodes: Set<NodeID>) {
        self.connections = connections
        self.total = total
        self.hasMore = hasMore
        self.missing = missing
        self.nodes = nodes
    }
}
