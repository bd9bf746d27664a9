import NIOConcurrencyHelpers
import VolaryBackplane
import VolaryProtocol

/// The nodes of the cluster, as last read from the presence store. Always contains this node. Read from any thread.
final class NodeDirectory: Sendable {
    /// Above this number, names of nodes that are gone are dropped: a node may run for years while others come and go.
    private static let maximumNames = 1024

    private struct State {
        var own: NodeStatus
        var nodes: [NodeStatus]
        /// Also contains nodes that are gone: a node without a lease may still send receipts.
        var names: [NodeID: String]
        /// See ``awaitReregistration()``.
        var awaited: Set<NodeID> = []
    }

    let ownID: NodeID
    private let state: NIOLockedValueBox<State>

    init(own: NodeRecord) {
        let status = NodeStatus(record: own, connections: 0, leaseAge: .zero, expired: false)
        self.ownID = own.id
        self.state = NIOLockedValueBox(State(own: status, nodes: [status], names: [own.id: own.name]))
    }

    var own: NodeStatus { self.state.withLockedValue { $0.own } }

    /// This node registers under another name. Called before it is registered.
    func rename(to record: NodeRecord) {
        let status = NodeStatus(record: record, connections: 0, leaseAge: .zero, expired: false)
        self.state.withLockedValue { state in
            state.own = status
            state.nodes = state.nodes.map { $0.record.id == record.id ? status : $0 }
            state.names[record.id] = record.name
        }
    }

    var all: [NodeStatus] { self.state.withLockedValue { $0.nodes } }

    /// Nodes with a lease, ordered by name.
    var live: [NodeRecord] {
        self.all.filter { !$0.expired }.map(\.record)
    }

    /// Nodes that are believed to be alive: they have a lease, or the presence store lost its data and they are expected to
    /// register again.
    var expected: Set<NodeID> {
        self.state.withLockedValue { $0.awaited.union($0.nodes.lazy.filter { !$0.expired }.map(\.record.id)) }
    }

    /// Whether ``expected`` contains the node. Called for every push to a connection.
    func expects(_ id: NodeID) -> Bool {
        self.state.withLockedValue { state in
            state.nodes.contains { $0.record.id == id && !$0.expired } || state.awaited.contains(id)
        }
    }

    /// - Returns: the name; nil for a node that has never been seen.
    func name(of id: NodeID) -> String? { self.state.withLockedValue { $0.names[id] } }

    func update(_ nodes: [NodeStatus]) {
        self.state.withLockedValue { state in
            let complete = nodes.contains { $0.record.id == self.ownID } ? nodes : nodes + [state.own]
            state.nodes = complete
            state.awaited.subtract(complete.lazy.map(\.record.id))
            if state.names.count > Self.maximumNames { state.names = [:] }
            for node in complete { state.names[node.record.id] = node.record.name }
        }
    }

    // MARK: - After a loss

    /// The presence store has lost this node's entry, and possibly all others. Until those nodes register again, lists without
    /// them are incomplete.
    func awaitReregistration() {
        self.state.withLockedValue { state in
            state.awaited.formUnion(state.nodes.lazy.filter { !$0.expired }.map(\.record.id))
            state.awaited.remove(self.ownID)
        }
    }

    /// Nodes that have not registered again by now count as gone.
    func endReregistrationWait() { self.state.withLockedValue { $0.awaited = [] } }

    /// The names of nodes that a list should contain and does not.
    /// - Parameter listed: nodes with a lease when the list was read. If this node is not among them, the store has lost its
    ///   entry and possibly others.
    func absent(from listed: Set<NodeID>) -> [String] {
        self.state.withLockedValue { state in
            var expected = state.awaited
            if !listed.contains(self.ownID) { expected.formUnion(state.nodes.lazy.filter { !$0.expired }.map(\.record.id)) }
            return expected.subtracting(listed).map { state.names[$0] ?? $0.description }
        }
    }
}
