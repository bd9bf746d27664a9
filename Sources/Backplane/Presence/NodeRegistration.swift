public import VolaryProtocol

/// What a node hears of the past as it takes a new lease. When the answer is lost, who asks again does not hear of those that were replaced.
public struct NodeRegistration: Hashable, Sendable {
    /// Somebody has put away connections of this node, at most ``PresenceLimits/reapedFor`` ago, and it has not renewed a lease since: all
    /// have been told then that they left.
    public let wasReaped: Bool
    /// Connections of others of its name, whose entries have been deleted just now: nobody has been told that they left.
    public let replacedConnections: Int
    /// Those that are in the way of its ``NameClaim``: with any, nothing has been written, and the node has no lease.
    public let namesakes: Set<NodeID>

    public init(wasReaped: Bool, replacedConnections: Int = 0, namesakes: Set<NodeID> = []) {
        self.wasReaped = wasReaped
        self.replacedConnections = replacedConnections
        self.namesakes = namesakes
    }
}
