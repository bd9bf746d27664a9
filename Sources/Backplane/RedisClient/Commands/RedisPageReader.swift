import VolaryProtocol

/// Reads one page of a list: a hub's connections on all live nodes, merged in the order of their ids.
///
/// Redis executes nothing else while it runs a script, so each script is short: one returns the leases, others the ids of some
/// nodes in portions, and the details of a part of the page. The hub's scripts know no lease: they take the numbers of the live
/// leases, which are read again when they are older than ``maximumLeaseAge``. The amount that is read depends on the size of the page, not on the
/// number of connections. A connection that joins or leaves meanwhile may be on the page or not, as between two pages; one that
/// stays is on it exactly once.
struct RedisPageReader {
    /// The most ids that one script reads: 512. With 32 nodes that took Redis 7 half a millisecond.
    static let idsPerCall = 512
    static let nodesPerCall = 32
    /// The most connections whose details one script reads: 128. Mostly that is some 10 KB; with the longest names and the most
    /// groups, 2 MB.
    static let detailsPerCall = 128
    /// The age of leases up to which they are used: 250 ms.
    static let maximumLeaseAge = Duration.milliseconds(250)
    /// Pages of only unreadable records that are skipped before the query fails.
    private static let maximumUnreadablePages = 8

    /// Runs a script.
    typealias Evaluate = (RedisScript, _ keys: [String], _ arguments: [String]) async throws(PresenceError) -> RESPValue

    private struct Stream {
        let lease: RedisPresenceDecoder.LeaseStatus
        /// Ids that have been read and not used yet, in order.
        var ids: ArraySlice<ConnectionID> = []
        /// The last entry that was read: the next portion begins after it. Empty for the beginning.
        var last: String
        var isEnded = false
        /// Whether the last portion found no entries under the lease: the node has none in the hub, or they are lost.
        var hasNone = false
    }

    private let query: ConnectionQuery
    private let keys: RedisPresenceKeys
    private let decoder: RedisPresenceDecoder
    private let evaluate: Evaluate
    private var streams: [Stream] = []
    private var leasesReadAt = ContinuousClock.now
    /// Whether the total includes the first portion of every node.
    private var isCounted = false
    private var total = 0
    private var missing: Set<String> = []
    private var nodes: Set<NodeID> = []
    /// The next connections in order, each with the index of its stream.
    private var merged: ArraySlice<(id: ConnectionID, stream: Int)> = []
    /// Entries that have been examined, readable or not.
    private var examined = 0

    init(
        _ query: ConnectionQuery,
        keys: RedisPresenceKeys,
        decoder: RedisPresenceDecoder,
        evaluate: @escaping Evaluate
    ) {
        self.query = query
        self.keys = keys
        self.decoder = decoder
        self.evaluate = evaluate
    }

    mutating func read() async throws(PresenceError) -> ConnectionPage {
        try await self.begin()
        var connections: [ListedConnection] = []
        while connections.count < self.query.limit {
            let rows = try await self.next(min(self.query.limit - connections.count, Self.detailsPerCall))
            if rows.isEmpty { break }
            connections += try await self.connections(rows)
            if self.examined >= Self.maximumUnreadablePages * max(self.query.limit, Self.detailsPerCall) { break }
        }
        let hasMore = try await self.hasMore()
        // Without a last connection, the caller could not ask for the next page.
        if connections.isEmpty, hasMore { throw .refused("too many unreadable connection records") }
        return ConnectionPage(
            connections: connections,
            total: self.total,
            hasMore: hasMore,
            missing: self.missing.sorted(),
            nodes: self.nodes
        )
    }

    private mutating func begin() async throws(PresenceError) {
        let after = self.query.after?.description ?? ""
        for lease in try await self.leases() {
            if lease.isLive { self.nodes.insert(lease.node) }
            guard self.query.includes(nodesNamed: lease.name) else { continue }
            if !lease.isLive || lease.isRegistering { self.missing.insert(lease.name) }
            if lease.isLive { self.streams.append(Stream(lease: lease, last: after)) }
        }
        try await self.refill()
        self.isCounted = true
        if self.streams.contains(where: \.hasNone) { try await self.confirmLeases() }
    }

    private mutating func leases() async throws(PresenceError) -> [RedisPresenceDecoder.LeaseStatus] {
        self.leasesReadAt = .now
        return try self.decoder.leases(try await self.evaluate(.leases, self.keys.nodes, [self.keys.registry]))
    }

    /// Reads the leases again. Nodes that have lost theirs are not listed any further.
    private mutating func confirmLeases() async throws(PresenceError) {
        var known: [NodeID: RedisPresenceDecoder.LeaseStatus] = [:]
        for lease in try await self.leases() { known[lease.node] = lease }
        for index in self.streams.indices {
            let lease = self.streams[index].lease
            let now = known[lease.node]
            if let now, now.isLive, now.number == lease.number {
                if now.isRegistering { self.missing.insert(lease.name) }
                continue
            }
            self.streams[index].ids = []
            self.streams[index].isEnded = true
            if now == nil { self.nodes.remove(lease.node) } else { self.missing.insert(lease.name) }
        }
    }

    // MARK: - Ids

    /// - Returns: the next connections, at most `count`; none when there are no more.
    private mutating func next(_ count: Int) async throws(PresenceError) -> [(id: ConnectionID, stream: Int)] {
        if self.merged.isEmpty { try await self.merge() }
        let rows = self.merged.prefix(count)
        self.merged.removeFirst(rows.count)
        self.examined += rows.count
        return Array(rows)
    }

    private mutating func hasMore() async throws(PresenceError) -> Bool {
        if self.merged.isEmpty { try await self.merge() }
        return !self.merged.isEmpty
    }

    /// Merges the ids of all nodes up to the point at which the first of them has to be read further: only to there is the order
    /// certain.
    private mutating func merge() async throws(PresenceError) {
        try await self.refill()
        if .now - self.leasesReadAt > Self.maximumLeaseAge { try await self.confirmLeases() }
        let end = self.streams.lazy.filter { !$0.isEnded }.compactMap(\.ids.last).min()
        var found: [(id: ConnectionID, stream: Int)] = []
        for index in self.streams.indices {
            let ids = self.streams[index].ids.prefix { id in end.map { id <= $0 } ?? true }
            self.streams[index].ids.removeFirst(ids.count)
            found += ids.lazy.map { ($0, index) }
        }
        self.merged = found.sorted { $0.id < $1.id }[...]
    }

    /// Reads the next portion of each stream that has no ids left.
    private mutating func refill() async throws(PresenceError) {
        let share = self.query.limit / max(self.streams.count, 1) + 16
        let portion = min(share, Self.idsPerCall)
        while true {
            let empty = self.streams.indices.filter { !self.streams[$0].isEnded && self.streams[$0].ids.isEmpty }
            if empty.isEmpty { return }
            for some in empty.split(into: min(Self.nodesPerCall, max(Self.idsPerCall / portion, 1))) {
                try await self.read(some, portion: portion)
            }
            // An index may consist of entries that are not ids, without end.
            guard self.examined < Self.maximumUnreadablePages * PresenceLimits.pageSize else {
                for index in self.streams.indices where self.streams[index].ids.isEmpty { self.streams[index].isEnded = true }
                return
            }
        }
    }

    private mutating func read(_ indices: ArraySlice<Int>, portion: Int) async throws(PresenceError) {
        let prefix = RedisPresenceKeys.filterPrefix(self.query.filter)
        var keys: [String] = []
        var arguments = ["\(portion)", prefix ?? ""]
        for index in indices {
            let stream = self.streams[index]
            let entries = self.keys.entries(of: stream.lease.node, in: self.query.hub)
            keys += [entries.state, prefix == nil ? entries.index : entries.filters]
            arguments += ["\(stream.lease.number)", stream.last]
        }
        let reply = try await self.evaluate(.connectionIDs, keys, arguments)
        for (index, answer) in zip(indices, try self.decoder.connectionIDs(reply, of: indices.count)) {
            switch answer {
            case .none:
                self.streams[index].isEnded = true
                self.streams[index].hasNone = true
            case .unavailable:
                self.streams[index].isEnded = true
                self.missing.insert(self.streams[index].lease.name)
            case .ids(let count, let texts):
                if !self.isCounted { self.total += count }
                let ids = self.decoder.ids(texts)
                self.examined += texts.count - ids.count
                self.streams[index].ids = ids[...]
                self.streams[index].last = texts.last ?? self.streams[index].last
                self.streams[index].isEnded = texts.count < portion
            }
        }
    }

    // MARK: - Details

    private func connections(
        _ rows: [(id: ConnectionID, stream: Int)]
    ) async throws(PresenceError) -> [ListedConnection] {
        var keys: [String] = []
        var arguments: [String] = []
        var order: [Int] = []
        for (stream, places) in Dictionary(grouping: rows.indices, by: { rows[$0].stream }) {
            keys.append(self.keys.entries(of: self.streams[stream].lease.node, in: self.query.hub).details)
            arguments += ["\(places.count)"] + places.map { rows[$0].id.description }
            order += places
        }
        let reply = try await self.evaluate(.details, keys, arguments)
        let records = try self.decoder.records(reply, of: order.map { rows[$0].id }, in: self.query.hub)
        var connections: [ListedConnection?] = Array(repeating: nil, count: rows.count)
        for (place, record) in zip(order, records) {
            let name = self.streams[rows[place].stream].lease.name
            guard let record, self.query.selects(record, on: name) else { continue }
            connections[place] = ListedConnection(record: record, nodeName: name)
        }
        return connections.compactMap(\.self)
    }
}

extension [Int] {
    /// Parts of at most `count` elements.
    fileprivate func split(into count: Int) -> [ArraySlice<Int>] {
        stride(from: 0, to: self.count, by: count).map { self[$0..<Swift.min($0 + count, self.count)] }
    }
}
