import VolaryProtocol

/// The names of the presence store's keys.
///
/// | key | content |
/// | --- | --- |
/// | `<prefix>:nodes` | sorted set: node ids, scored by the expiry of the lease in ms |
/// | `<prefix>:names` | hash: node id to name |
/// | `<prefix>:node:{<id>}:record` | JSON |
/// | `…:index` | sorted set of connection ids, all with score 0 and so in the order of ids |
/// | `…:details` | hash: connection id to JSON |
/// | `…:filters` | sorted set, see ``RedisPresenceKeys/filterPrefix(_:)`` |
/// | `…:reaped` | how many connections the node had when it was reaped; kept for ``PresenceLimits/reapedFor`` |
///
/// The braces keep the keys of one node in one slot of a Redis Cluster.
struct RedisPresenceKeys: Sendable {
    let nodes: String
    let names: String
    /// The prefix of the keys of every node.
    let nodePrefix: String

    init(prefix: String) {
        self.nodes = "\(prefix):nodes"
        self.names = "\(prefix):names"
        self.nodePrefix = "\(prefix):node:"
    }

    func record(of node: NodeID) -> String { "\(self.nodePrefix){\(node)}:record" }
    func index(of node: NodeID) -> String { "\(self.nodePrefix){\(node)}:index" }
    func details(of node: NodeID) -> String { "\(self.nodePrefix){\(node)}:details" }
    func filters(of node: NodeID) -> String { "\(self.nodePrefix){\(node)}:filters" }
    func reaped(of node: NodeID) -> String { "\(self.nodePrefix){\(node)}:reaped" }

    /// All keys of a node, in the order in which the scripts take them.
    func all(of node: NodeID) -> [String] {
        [
            self.nodes, self.names, self.record(of: node), self.index(of: node), self.details(of: node),
            self.filters(of: node), self.reaped(of: node),
        ]
    }

    /// The prefix of the entries in a node's `filters` for connections that match `filter`: `u/<user>/`, `g/<group>/` or
    /// `b/<user>/<group>/`, followed by the connection's id. All entries have score 0, so those of one filter are adjacent and in
    /// the order of ids. Users and groups are ``NameKey``s, which contain no `/`. Nil for ``ConnectionFilter/everything``, which
    /// `index` answers.
    ///
    /// All filters share one set instead of a key each, so that a node has only a few keys to renew at every heartbeat and to
    /// delete at once, however many users it has.
    static func filterPrefix(_ filter: ConnectionFilter) -> String? {
        switch (filter.user, filter.group) {
        case (nil, nil): nil
        case (let user?, nil): "u/\(NameKey(user))/"
        case (nil, let group?): "g/\(NameKey(group))/"
        case (let user?, let group?): "b/\(NameKey(user))/\(NameKey(group))/"
        }
    }
}
