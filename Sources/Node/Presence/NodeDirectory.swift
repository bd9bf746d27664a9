import Backplane
import NIOConcurrencyHelpers
import Protocol

/// The cluster's nodes as this node last saw them; itself always among them. Read from any thread.
final class NodeDirectory: Sendable {
    let own: NodeStatus
    private let nodes: NIOLockedValueBox<[NodeStatus]>

    init(own: NodeRecord) {
        self.own = NodeStatus(record: own, connections: 0, leaseAge: .zero, expired: false)
        self.nodes = NIOLockedValueBox([self.own])
    }

    var ownID: NodeID { self.own.record.id }

    var all: [NodeStatus] { self.nodes.withLockedValue { $0 } }

    /// Those that held a lease, ordered by name.
    var live: [NodeRecord] {
        self.all.filter { !$0.expired }.map(\.record)
    }

    var liveIDs: Set<NodeID> { Set(self.live.map(\.id)) }

    /// - Returns: the name; nil for a node that is not known.
    func name(of id: NodeID) -> String? {
        self.all.first { $0.record.id == id }?.record.name
    }

    func update(_ nodes: [NodeStatus]) {
        let complete = nodes.contains { $0.record.id == self.own.record.id } ? nodes : nodes + [self.own]
        self.nodes.withLockedValue { $0 = complete }
    }
}
