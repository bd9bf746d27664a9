public import VolaryProtocol

/// The state of a node in the presence store.
public struct NodeStatus: Hashable, Sendable {
    public let record: NodeRecord
    /// Connections in the store, of all hubs.
    public let connections: Int
    /// Time since the last renewal of the lease, on the store's clock.
    public let leaseAge: Duration
    /// Whether the lease has expired: the node is dead or cannot reach the store, and will be reaped.
    public let expired: Bool

    public init(record: NodeRecord, connections: Int, leaseAge: Duration, expired: Bool) {
        self.record = record
        self.connections = connections
        self.leaseAge = leaseAge
        self.expired = expired
    }
}

/// A dead node whose entries have been deleted by this call.
public struct ReapedNode: Hashable, Sendable {
    public let id: NodeID
    public let name: String
    /// How many connections were deleted with it, by hub; no hub without any.
    public let connections: [HubName: Int]
    /// Time since the last renewal of the lease, on the store's clock: the longest time for which the dead connections were
    /// stored.
    public let silence: Duration

    public init(id: NodeID, name: String, connections: [HubName: Int], silence: Duration) {
        self.id = id
        self.name = name
        self.connections = connections
        self.silence = silence
    }
}
