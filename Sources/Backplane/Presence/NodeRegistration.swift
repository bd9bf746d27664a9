public import VolaryProtocol

/// The result of registering a node. If the answer is lost and the node asks again, the second answer does not contain the
/// connections that the first call replaced.
public struct NodeRegistration: Hashable, Sendable {
    /// Another node reaped this one, with connections, at most ``PresenceLimits/reapedFor`` ago, and this node has not renewed a
    /// lease since. Its connections were announced as left.
    public let wasReaped: Bool
    /// How many connections of other nodes of its name were deleted by this call, by hub. They have not been announced as left.
    public let replacedConnections: [HubName: Int]
    /// Nodes that violate the ``NameClaim``. If there are any, nothing has been written, and the node has no lease.
    public let namesakes: Set<NodeID>

    public init(wasReaped: Bool, replacedConnections: [HubName: Int] = [:], namesakes: Set<NodeID> = []) {
        self.wasReaped = wasReaped
        self.replacedConnections = replacedConnections
        self.namesakes = namesakes
    }
}
