import VolaryProtocol

/// The names of the presence store's keys.
///
/// `<prefix>:nodes` sorted set, node id by the expiry of its lease in ms; `<prefix>:names` hash, node id to name;
/// `<prefix>:node:{<id>}:record` JSON; `…:index` sorted set of connection ids, all of score 0 and so in the order of ids;
/// `…:details` hash, connection id to JSON; `…:filters` sorted set, see ``RedisPresenceKeys/filterPrefix(_:)``; `…:reaped` how many
/// connections went when the node was reaped, for ``PresenceLimits/reapedFor``. The braces keep one node's keys in one slot of a Redis Cluster.
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
    func filters(of node: NodeID) -> String { "\(self.nodePrefix){\(node)}:filters" }
    func reaped(of node: NodeID) -> String { "\(self.nodePrefix){\(node)}:reaped" }

    /// All of a node's, in the order in which the scripts take them.
    func all(of node: NodeID) -> [String] {
        [
            self.nodes, self.names, self.record(of: node), self.index(of: node), self.details(of: node),
            self.filters(of: node), self.reaped(of: node),
        ]
    }

    /// What the entries of connections that pass `filter` begin with in a node's `filters`: `u/<user>/`, `g/<group>/` or
    /// `b/<user>/<group>/`; their ids follow. All have score 0, so a filter's entries stand together and in the order of ids. Users and groups
    /// are ``NameKey``s, which hold no `/`. Nil for ``ConnectionFilter/everything``, which `index` answers.
    ///
    /// One set for all filters, and not a key for each: a node's entries stay a handful of keys to renew at every heartbeat and
    /// to delete at once, however many users it has.
    static func filterPrefix(_ filter: ConnectionFilter) -> String? {
        switch (filter.user, filter.group) {
        case (nil, nil): nil
        case (let user?, nil): "u/\(NameKey(user))/"
        case (nil, let group?): "g/\(NameKey(group))/"
        case (let user?, let group?): "b/\(NameKey(user))/\(NameKey(group))/"
        }
    }
}
