import VolaryProtocol

/// The connections of one node in one hub, and their indexes.
struct MemoryHubPresence {
    private(set) var connections: [ConnectionID: ConnectionRecord] = [:]
    /// One index for each filter that matches a connection. Only the index of ``ConnectionFilter/everything`` may be empty.
    private var indexes: [ConnectionFilter: SortedIDs] = [.everything: SortedIDs()]

    /// Nil when no connection matches the filter.
    func index(of filter: ConnectionFilter) -> SortedIDs? { self.indexes[filter] }

    mutating func add(_ connection: ConnectionRecord) {
        self.remove(connection.id)
        self.connections[connection.id] = connection
        self.indexes[.everything]?.insert(connection.id)
        for filter in ConnectionFilter.passed(by: connection) {
            self.indexes[filter, default: SortedIDs()].insert(connection.id)
        }
    }

    mutating func remove(_ id: ConnectionID) {
        guard let connection = self.connections.removeValue(forKey: id) else { return }
        self.indexes[.everything]?.remove(id)
        for filter in ConnectionFilter.passed(by: connection) {
            self.indexes[filter]?.remove(id)
            if self.indexes[filter]?.isEmpty == true { self.indexes[filter] = nil }
        }
    }
}
