import VolaryProtocol

/// The names of the presence store's keys. See ``RedisNames`` for their beginnings.
///
/// | key | content |
/// | --- | --- |
/// | `<registry>:leases` | sorted set: node ids, scored by the expiry of the lease in ms |
/// | `<registry>:names` | hash: node id to name |
/// | `<registry>:record:<node>` | hash: `number` and length (`lease`, ms) of the lease, `record` (JSON), `registering`, `connections` |
/// | `<registry>:reaped:<node>` | hash: `number` of the reaped lease, and its `connections`, if any; see ``PresenceLimits/reapedFor`` |
/// | `<registry>:reaper:<node>` | the store that is reaping the node, for some seconds |
/// | `<node>:hubs` | hash: hub in which the node has entries to the number of the lease; the empty name for the last reaped one |
/// | `<hub>:n:<node>:…` | see ``Entries`` |
/// | `<hub>:taken:<connection>` | which call took the id, see ``PresenceStore/take(_:in:for:)`` |
///
/// Only the registry has leases. Each has a number that is never given again for the same node. Entries in a hub carry the number;
/// readers pass the numbers of the live leases and leave other entries out.
struct RedisPresenceKeys: Sendable {
    /// The keys of one node in one hub.
    struct Entries: Sendable {
        /// `<hub>:n:<node>:`.
        fileprivate let prefix: String

        /// Hash: `number` of the lease, and `dead`, how many connections a reaper has deleted; kept for ``PresenceLimits/reapedFor``.
        var state: String { "\(self.prefix)state" }
        /// Sorted set of connection ids, all with score 0 and so in the order of ids.
        var index: String { "\(self.prefix)index" }
        /// Hash: connection id to JSON.
        var details: String { "\(self.prefix)details" }
        /// Sorted set, see ``RedisPresenceKeys/filterPrefix(_:)``.
        var filters: String { "\(self.prefix)filters" }
        /// In the order in which the scripts take them.
        var all: [String] { [self.state, self.index, self.details, self.filters] }
    }

    private let names: RedisNames
    /// The leases of the former format, whose names have no format number.
    let formerLeases: String

    /// - Parameter prefix: of the configuration, without the colon.
    init(prefix: String) {
        self.names = RedisNames(prefix: prefix)
        self.formerLeases = "\(prefix):nodes"
    }

    var registry: String { self.names.registry }
    /// The leases and the names of all nodes.
    var nodes: [String] { ["\(self.registry):leases", "\(self.registry):names"] }
    private func record(of node: NodeID) -> String { "\(self.registry):record:\(node)" }

    /// What ``RedisScript/lease`` takes.
    func lease(of node: NodeID) -> [String] { self.nodes + [self.record(of: node)] }
    /// What ``RedisScript/extend`` takes.
    func extending(of node: NodeID) -> [String] { ["\(self.registry):leases", self.record(of: node)] }
    /// What ``RedisScript/register`` and ``RedisScript/renew`` take.
    func registration(of node: NodeID) -> [String] { self.lease(of: node) + ["\(self.registry):reaped:\(node)"] }
    /// What ``RedisScript/bury`` takes.
    func burial(of node: NodeID) -> [String] { self.registration(of: node) + ["\(self.registry):reaper:\(node)"] }

    func hubs(of node: NodeID) -> String { "\(self.names.node(node)):hubs" }
    func taken(_ id: ConnectionID, in hub: HubName) -> String { "\(self.names.hub(hub)):taken:\(id)" }
    func entries(of node: NodeID, in hub: HubName) -> Entries { Entries(prefix: "\(self.names.hub(hub)):n:\(node):") }

    /// The prefix of the entries in a node's `filters` for connections that match `filter`: `u/<user>/`, `g/<group>/` or
    /// `b/<user>/<group>/`, followed by the connection's id. All entries have score 0, so those of one filter are adjacent and in
    /// the order of ids. Users and groups are ``NameKey``s, which contain no `/`. Nil for ``ConnectionFilter/everything``, which
    /// `index` answers.
    ///
    /// All filters share one set instead of a key each, so that a node has only a few keys to renew and to delete at once,
    /// however many users it has.
    static func filterPrefix(_ filter: ConnectionFilter) -> String? {
        switch (filter.user, filter.group) {
        case (nil, nil): nil
        case (let user?, nil): "u/\(NameKey(user))/"
        case (nil, let group?): "g/\(NameKey(group))/"
        case (let user?, let group?): "b/\(NameKey(user))/\(NameKey(group))/"
        }
    }
}
