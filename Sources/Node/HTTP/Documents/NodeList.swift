import VolaryBackplane
import VolaryProtocol

/// The cluster's nodes.
struct NodeList: Encodable {
    struct Node: Encodable {
        let id: String
        let name: String
        let connections: Int
        /// Seconds since the node's last heartbeat.
        let leaseAgeSeconds: Double
        /// False if the node's lease has expired. The node is about to be removed.
        let live: Bool
        let draining: Bool
        let version: String
        let startedAt: String

        init(_ status: NodeStatus) {
            self.id = status.record.id.description
            self.name = status.record.name
            self.connections = status.connections
            let (seconds, attoseconds) = status.leaseAge.components
            self.leaseAgeSeconds = Double(seconds) + Double(attoseconds / 1_000_000_000_000_000) / 1000
            self.live = !status.expired
            self.draining = status.record.draining
            self.version = status.record.version
            self.startedAt = Timestamp.milliseconds(status.record.startedAt)
        }
    }

    let count: Int
    /// False if the presence store does not answer. The list then has the nodes as last seen.
    let complete: Bool
    /// The name of the node that sent this answer.
    let answeredBy: String
    let nodes: [Node]
}
