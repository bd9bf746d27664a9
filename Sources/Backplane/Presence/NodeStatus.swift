public import VolaryProtocol

/// A node as the presence store sees it.
public struct NodeStatus: Hashable, Sendable {
    public let record: NodeRecord
    /// Connections in the store.
    public let connections: Int
    /// Since the lease was last renewed, on the store's clock.
    public let leaseAge: Duration
    /// Whether the lease has expired: the node is dead or silent, and will be reaped.
    public let expired: Bool

    public init(record: NodeRecord, connections: Int, leaseAge: Duration, expired: Bool) {
        self.record = record
        self.connections = connections
        self.leaseAge = leaseAge
        self.expired = expired
    }
}

/// A dead node whose entries have just been deleted.
public struct ReapedNode: Hashable, Sendable {
    public let id: NodeID
    public let name: String
    /// How many connections went with it.
    public let connections: Int
    /// Since the lease was last renewed, on the store's clock: how long its connections stood as ghosts at most.
    public let silence: Duration

    public init(id: NodeID, name: String, connections: Int, silence: Duration) {
        self.id = id
        self.name = name
        self.connections = connections
        self.silence = silence
    }
}
