import VolaryProtocol

/// The connections in one index of a presence store, within one hub: all of a node, or those of a user, of a group, or of both.
///
/// A store keeps one index for each filter that a connection of the node matches. Every query is answered from exactly one index
/// per node: its total is the length of that index, and the cost of a page depends on the length of the page. The cost is paid
/// when a connection joins: with a user it is in two more indexes for each of its groups, without a user in one more.
struct ConnectionFilter: Hashable, Sendable {
    let user: AudienceName?
    let group: AudienceName?

    static let everything = ConnectionFilter(user: nil, group: nil)

    /// The filters that match `record`, without ``everything``.
    static func passed(by record: ConnectionRecord) -> [ConnectionFilter] {
        var filters: [ConnectionFilter] = []
        if let user = record.user { filters.append(ConnectionFilter(user: user, group: nil)) }
        for group in record.groups {
            filters.append(ConnectionFilter(user: nil, group: group))
            if let user = record.user { filters.append(ConnectionFilter(user: user, group: group)) }
        }
        return filters
    }
}

extension ConnectionQuery {
    var filter: ConnectionFilter { ConnectionFilter(user: self.user, group: self.group) }

    /// Whether the query matches `record` on a node of this name, regardless of the page.
    public func selects(_ record: ConnectionRecord, on nodeName: String) -> Bool {
        record.hub == self.hub && self.includes(nodesNamed: nodeName)
            && (self.user.map { $0 == record.user } ?? true)
            && (self.group.map { record.groups.contains($0) } ?? true)
    }
}
