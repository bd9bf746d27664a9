import Protocol

/// The names of the presence store's keys.
///
/// `<prefix>:nodes` sorted set, node id by the expiry of its lease in ms; `<prefix>:names` hash, node id to name;
/// `<prefix>:node:{<id>}:record` JSON; `…:index` sorted set of connection ids, all of score 0 and so in the order of ids;
/// `…:details` hash, connection id to JSON. The braces keep one node's keys in one slot of a Redis Cluster.
struct RedisPresenceKeys: Sendable {
    let nodes: String
    let names: String
    /// Starts the keys of every node.
    let nodePrefix: String

    init(prefix: String) {
        self.nodes = "\(prefix):nodes"
        self.names = "\(prefix):names"
        self.nodePrefix = "\(prefix):node:"
    }

    func record(of node: NodeID) -> String { "\(self.nodePrefix){\(node)}:record" }
    func index(of node: NodeID) -> String { "\(self.nodePrefix){\(node)}:index" }
    func details(of node: NodeID) -> String { "\(self.nodePrefix){\(node)}:details" }

    /// All of a node's, in the order in which the scripts take them.
    func all(of node: NodeID) -> [String] {
        [self.nodes, self.names, self.record(of: node), self.index(of: node), self.details(of: node)]
    }
}
