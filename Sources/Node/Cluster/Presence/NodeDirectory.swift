import NIOConcurrencyHelpers
import VolaryBackplane
import VolaryProtocol

/// The cluster's nodes as this node last saw them; itself always among them. Read from any thread.
final class NodeDirectory: Sendable {
    /// More names than this are forgotten but for those of nodes that are there: nodes may come and go for years.
    private static let maximumNames = 1024

    private struct State {
        var own: NodeStatus
        var nodes: [NodeStatus]
        /// Also of nodes that are gone: one that has lost its lease, or whose lease Redis has lost, still answers.
        var names: [NodeID: String]
        /// See ``awaitAll()``.
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

    /// The node has not registered, and does so under another name.
    func rename(to record: NodeRecord) {
        let status = NodeStatus(record: record, connections: 0, leaseAge: .zero, expired: false)
        self.state.withLockedValue { state in
            state.own = status
            state.nodes = state.nodes.map { $0.record.id == record.id ? status : $0 }
            state.names[record.id] = record.name
        }
    }

    var all: [NodeStatus] { self.state.withLockedValue { $0.nodes } }

    /// Those that held a lease, ordered by name.
    var live: [NodeRecord] {
        self.all.filter { !$0.expired }.map(\.record)
    }

    /// Those that are there as far as is known: they held a lease, or have lost it with the presence store's data and are awaited back.
    var expected: Set<NodeID> {
        self.state.withLockedValue { $0.awaited.union($0.nodes.lazy.filter { !$0.expired }.map(\.record.id)) }
    }

    /// Whether ``expected`` has the node; asked for every push to a connection.
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

    /// The presence store has lost this node, and so perhaps all that were there: until they are back, lists without them are not complete.
    func awaitAll() {
        self.state.withLockedValue { state in
            state.awaited.formUnion(state.nodes.lazy.filter { !$0.expired }.map(\.record.id))
            state.awaited.remove(self.ownID)
        }
    }

    /// Those that are not back by now have gone.
    func awaitNobody() { self.state.withLockedValue { $0.awaited = [] } }

    /// Nodes that a list should have and does not, by name.
    /// - Parameter listed: those with a lease when it was made. Without this node among them, the store has lost it, and perhaps others.
    func absent(from listed: Set<NodeID>) -> [String] {
        self.state.withLockedValue { state in
            var expected = state.awaited
            if !listed.contains(self.ownID) { expected.formUnion(state.nodes.lazy.filter { !$0.expired }.map(\.record.id)) }
            return expected.subtracting(listed).map { state.names[$0] ?? $0.description }
        }
    }
}
