import VolaryBackplane
import VolaryProtocol

/// The cluster's nodes.
struct NodeList: Encodable {
    struct Node: Encodable {
        let id: String
        let name: String
        let connections: Int
        /// Since the node's last sign of life.
        let leaseAgeSeconds: Double
        /// False: no sign of life for longer than its lease; it is about to be removed.
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
    /// False: the presence store does not answer, and these are the nodes as last seen.
    let complete: Bool
    /// The name of the node that answers.
    let answeredBy: String
    let nodes: [Node]
}
