import VolaryProtocol

/// Deletes dead nodes: first their entries, hub by hub, then their leases. See ``RedisScript/reap``.
///
/// A node's entries are invisible once its lease has expired, so nothing depends on how long this takes. If it fails, or the
/// process ends, the next reaper of any node starts again, and gets the same numbers of connections.
struct RedisPresenceReaper: Sendable {
    /// For how long a caller is a node's only reaper: 10 s.
    static let milliseconds = "10000"
    private static let markSeconds = "\(PresenceLimits.reapedFor.components.seconds)"
    /// The number of a lease that is above all others.
    private static let lastNumber: Int64 = 9_007_199_254_740_991

    let keys: RedisPresenceKeys
    let decoder: RedisPresenceDecoder
    let scripts: RedisPresenceScripts
    /// This store, as a reaper.
    let token = "\(UInt64.random(in: .min ... .max))"

    func reap() async throws(PresenceError) -> [ReapedNode] {
        let reply = try await self.scripts.evaluate(.reap, self.keys.nodes, [self.keys.registry, self.token, Self.milliseconds])
        return try await self.bury(try self.decoder.deadLeases(reply))
    }

    /// - Parameter dead: nodes of which this store is the reaper.
    /// - Returns: those that no other caller has buried. When some cannot be buried now, they are left to the next reaper; fails
    ///   if none can.
    func bury(_ dead: [RedisPresenceDecoder.Lease]) async throws(PresenceError) -> [ReapedNode] {
        var reaped: [ReapedNode] = []
        var failure: PresenceError?
        for lease in dead {
            do throws(PresenceError) {
                if let node = try await self.bury(lease) { reaped.append(node) }
            } catch {
                failure = error
            }
        }
        if let failure, reaped.isEmpty { throw failure }
        return reaped
    }

    private func bury(_ lease: RedisPresenceDecoder.Lease) async throws(PresenceError) -> ReapedNode? {
        let hubs = try await self.hubs(of: lease.node, number: lease.number, seconds: Self.markSeconds)
        let removed = try await self.removeEntries(of: lease.node, in: hubs.keys, upTo: lease.number, seconds: Self.markSeconds)
        let total = removed.values.reduce(0, +)
        let arguments = [lease.node.description, "\(lease.number)", self.token, "\(total)", Self.markSeconds]
        let reply = try await self.scripts.evaluate(.bury, self.keys.burial(of: lease.node), arguments)
        let node = try self.decoder.buried(reply, lease.node, connections: removed)
        if node != nil { try await self.leave(hubs.keys.map(\.text), of: lease.node) }
        return node
    }

    /// Deletes all entries of a node without a lease, and leaves no mark.
    func removeEverything(of node: NodeID) async throws(PresenceError) {
        let hubs = try await self.hubs(of: node, number: Self.lastNumber, seconds: "0")
        _ = try await self.removeEntries(of: node, in: hubs.keys, upTo: Self.lastNumber, seconds: "0")
        // With the mark of an earlier lease.
        try await self.leave(hubs.keys.map(\.text) + [""], of: node)
    }

    /// Deletes the entries that a node has under leases before this one.
    func removeEntries(of node: NodeID, before number: Int64) async throws(PresenceError) {
        let old = try await self.hubs(of: node, number: number, seconds: "0").filter { $0.value < number }
        guard !old.isEmpty else { return }
        _ = try await self.removeEntries(of: node, in: old.keys, upTo: number - 1, seconds: "0")
        try await self.leave(old.keys.map(\.text), of: node)
    }

    private func hubs(of node: NodeID, number: Int64, seconds: String) async throws(PresenceError) -> [HubName: Int64] {
        let reply = try await self.scripts.evaluate(.nodeHubs, [self.keys.hubs(of: node)], ["\(number)", seconds])
        return try self.decoder.hubs(reply)
    }

    /// - Returns: how many connections the node had in each hub.
    private func removeEntries(
        of node: NodeID,
        in hubs: some Collection<HubName>,
        upTo number: Int64,
        seconds: String
    ) async throws(PresenceError) -> [HubName: Int] {
        let hubs = Array(hubs)
        let replies = try await self.scripts.evaluate(
            hubs.map { (.removeEntries, self.keys.entries(of: node, in: $0).all, ["\(number)", seconds]) }
        )
        var removed: [HubName: Int] = [:]
        for (hub, reply) in zip(hubs, replies) { removed[hub] = try self.decoder.count(reply) }
        return removed
    }

    private func leave(_ hubs: [String], of node: NodeID) async throws(PresenceError) {
        var rest = hubs[...]
        while !rest.isEmpty {
            let some = Array(rest.prefix(RedisPresenceScripts.hubsPerCall))
            rest.removeFirst(some.count)
            _ = try await self.scripts.evaluate(.leaveHubs, [self.keys.hubs(of: node)], some)
        }
    }
}
