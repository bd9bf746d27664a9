import VolaryProtocol

/// The answers of scripts about leases.
extension RedisPresenceDecoder {
    /// The answer of ``RedisScript/register``.
    struct Registration {
        let wasReaped: Bool
        /// If there are any, the node has no lease.
        let namesakes: Set<NodeID>
        let number: Int64
        /// The nodes that it replaces.
        let dead: [Lease]
    }

    /// A node's lease by its number.
    struct Lease {
        let node: NodeID
        let number: Int64
    }

    func registration(_ reply: RESPValue) throws(PresenceError) -> Registration {
        guard let parts = reply.elements, parts.count == 5, let wasReaped = parts[0].integer, (0...1).contains(wasReaped),
            let namesakes = parts[1].elements, let foreign = parts[2].elements, let number = parts[3].number
        else { throw Self.wrongShape }
        var ids: Set<NodeID> = []
        for namesake in namesakes {
            // Without a valid id, no node could be asked whether it is alive.
            guard let id = namesake.text.flatMap({ NodeID($0) }) else { throw Self.wrongShape }
            ids.insert(id)
        }
        self.warn(ofForeign: foreign)
        return Registration(wasReaped: wasReaped == 1, namesakes: ids, number: number, dead: try self.deadLeases(parts[4]))
    }

    /// - Returns: nodes to bury.
    func deadLeases(_ reply: RESPValue) throws(PresenceError) -> [Lease] {
        guard let parts = reply.elements, parts.count.isMultiple(of: 2) else { throw Self.wrongShape }
        var leases: [Lease] = []
        for index in stride(from: 0, to: parts.count, by: 2) {
            guard let node = parts[index].text.flatMap({ NodeID($0) }), let number = parts[index + 1].number else {
                throw Self.wrongShape
            }
            leases.append(Lease(node: node, number: number))
        }
        return leases
    }

    /// - Returns: the hubs in which a node has entries, and the numbers of the leases.
    func hubs(_ reply: RESPValue) throws(PresenceError) -> [HubName: Int64] {
        guard let parts = reply.elements, parts.count.isMultiple(of: 2) else { throw Self.wrongShape }
        var hubs: [HubName: Int64] = [:]
        for index in stride(from: 0, to: parts.count, by: 2) {
            // Other programs may write anything; keys are made of names of hubs only.
            if let hub = parts[index].text.flatMap({ HubName($0) }) { hubs[hub] = parts[index + 1].number ?? 0 }
        }
        return hubs
    }

    func count(_ reply: RESPValue) throws(PresenceError) -> Int {
        guard let count = reply.integer, (0...Int64(Int32.max)).contains(count) else { throw Self.wrongShape }
        return Int(count)
    }

    func leaseState(_ reply: RESPValue) throws(PresenceError) -> LeaseState {
        switch reply.integer {
        case 1: return .held
        case 0: return .lost
        default: throw Self.wrongShape
        }
    }

    func nodes(_ reply: RESPValue) throws(PresenceError) -> [NodeStatus] {
        let (now, rows) = try self.timedRows(reply)
        var nodes: [NodeStatus] = []
        for row in rows {
            guard let row = row.elements, row.count == 4, let id = row[0].text, let connections = row[2].integer,
                let expiry = row[3].integer
            else { throw Self.wrongShape }
            guard let record = self.nodeRecord(row[1], id: id) else { continue }
            nodes.append(
                NodeStatus(
                    record: record,
                    connections: Int(connections),
                    leaseAge: Self.age(of: expiry, lease: record.leaseMilliseconds, at: now),
                    expired: expiry <= now
                )
            )
        }
        return nodes.sorted { ($0.record.name, $0.record.id) < ($1.record.name, $1.record.id) }
    }

    /// The answer of ``RedisScript/bury``.
    /// - Parameter connections: those that were deleted.
    /// - Returns: nil when the node has registered again, or another caller has buried it.
    func buried(_ reply: RESPValue, _ node: NodeID, connections: [HubName: Int]) throws(PresenceError) -> ReapedNode? {
        if reply.isNull { return nil }
        guard let parts = reply.elements, parts.count == 4, let now = parts[0].integer, let expiry = parts[3].integer else {
            throw Self.wrongShape
        }
        // The node is deleted already, so the caller must get it even if its record is bad.
        let lease = self.nodeRecord(parts[2], id: node.description)?.leaseMilliseconds ?? 0
        return ReapedNode(
            id: node,
            name: parts[1].text ?? node.description,
            connections: connections.filter { $0.value > 0 },
            silence: Self.age(of: expiry, lease: lease, at: now)
        )
    }

    /// A node's lease as its readers see it.
    struct LeaseStatus: Hashable {
        let node: NodeID
        let name: String
        let isLive: Bool
        let isRegistering: Bool
        let number: Int64
    }

    /// - Returns: the leases of nodes, without entries that are none.
    func leases(_ reply: RESPValue) throws(PresenceError) -> [LeaseStatus] {
        guard let rows = reply.elements else { throw Self.wrongShape }
        var leases: [LeaseStatus] = []
        for row in rows { if let lease = try self.leaseStatus(row.elements) { leases.append(lease) } }
        return leases
    }

    /// - Returns: the lease and its length in ms; nil when the node has no live lease.
    func lease(_ reply: RESPValue) throws(PresenceError) -> (status: LeaseStatus, milliseconds: Int64)? {
        if reply.isNull { return nil }
        guard let parts = reply.elements, parts.count == 6, let length = parts[5].integer else { throw Self.wrongShape }
        return try self.leaseStatus(parts.dropLast()).map { ($0, length) }
    }

    private func leaseStatus(_ parts: [RESPValue]?) throws(PresenceError) -> LeaseStatus? {
        guard let parts, parts.count == 5, let node = parts[0].text, let name = parts[1].text, let isLive = parts[2].integer,
            let isRegistering = parts[3].integer, let number = parts[4].number
        else { throw Self.wrongShape }
        return NodeID(node).map {
            LeaseStatus(node: $0, name: name, isLive: isLive == 1, isRegistering: isRegistering == 1, number: number)
        }
    }

    // MARK: - Parts

    private static func age(of expiry: Int64, lease: Int64, at now: Int64) -> Duration {
        let granted = expiry.subtractingReportingOverflow(lease).partialValue
        return .milliseconds(max(0, now.subtractingReportingOverflow(granted).partialValue))
    }

    private func timedRows(_ reply: RESPValue) throws(PresenceError) -> (now: Int64, rows: ArraySlice<RESPValue>) {
        guard let elements = reply.elements, let now = elements.first?.integer else { throw Self.wrongShape }
        return (now, elements.dropFirst())
    }
}
