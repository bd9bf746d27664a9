import VolaryProtocol

/// Which connections an index of a presence store holds: all of a node's, or those of a user, of a group, or of both.
///
/// A store keeps one index for each filter that a connection of the node passes, so that any query is answered from exactly one index
/// per node: its total is that index' length, and a page costs what the page is long. The price is paid by whoever joins: a
/// connection with a user stands in two more indexes for each of its groups, without one in one more.
struct ConnectionFilter: Hashable, Sendable {
    let user: AudienceName?
    let group: AudienceName?

    static let everything = ConnectionFilter(user: nil, group: nil)

    /// The filters besides ``everything`` that `record` passes.
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

    /// Whether the query asks for `record` on a node of this name, whatever the page.
    public func selects(_ record: ConnectionRecord, on nodeName: String) -> Bool {
        self.includes(nodesNamed: nodeName)
            && (self.user.map { $0 == record.user } ?? true)
            && (self.group.map { record.groups.contains($0) } ?? true)
    }
}
