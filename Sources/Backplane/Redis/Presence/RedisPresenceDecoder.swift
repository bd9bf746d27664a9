import Logging
import NIOCore
import VolaryProtocol

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Decodes the answers of the presence store's scripts. An answer that no script gives is ``PresenceError/refused(_:)``. A record
/// that no node writes is logged and left out, so that one bad record does not hide the others.
struct RedisPresenceDecoder: Sendable {
    private struct Details: Decodable {
        let `protocol`: String
        let connectedAt: Int64
        /// A ``NameKey``. Absent for an anonymous connection.
        let user: String?
        /// ``NameKey``s. Absent when there are none.
        let groups: [String]?
        /// The names whose keys are hashes, encoded by ``NameKey/encode(_:)``. Absent when there are none.
        let long: [String]?

        /// Nil when a key is not in the form in which nodes write it.
        func record(_ id: ConnectionID, in hub: HubName) -> ConnectionRecord? {
            let long = self.long ?? []
            // One user and all groups.
            guard long.count <= 1 + GroupLimits.maximum.groups else { return nil }
            let hashed = long.compactMap { NameKey.decode($0) }.map { (key: NameKey($0), name: $0) }
            func name(_ key: String) -> AudienceName? {
                if let name = NameKey.decode(key) { return NameKey(name).isHash ? nil : name }
                return hashed.first { $0.key.description.utf8.elementsEqual(key.utf8) }?.name
            }
            let user = self.user.map(name)
            let groups = (self.groups ?? []).map(name)
            guard user != .some(nil), !groups.contains(nil) else { return nil }
            return ConnectionRecord(
                id: id,
                hub: hub,
                protocol: self.protocol,
                connectedAt: self.connectedAt,
                user: user ?? nil,
                groups: Set(groups.compactMap(\.self))
            )
        }
    }

    let logger: Logger

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
        guard let count = reply.integer, count >= 0 else { throw Self.wrongShape }
        return Int(count)
    }

    func leaseState(_ reply: RESPValue) throws(PresenceError) -> LeaseState {
        switch reply.integer {
        case 1: return .held
        case 0: return .lost
        default: throw Self.wrongShape
        }
    }

    /// - Parameter changes: how many changes were requested, at least one.
    /// - Returns: how many of them, from the first on, were made, and the contents of the node's keys. Nil when the lease is lost.
    func changesMade(_ reply: RESPValue, of changes: Int) throws(PresenceError) -> (Int, contents: String)? {
        if reply.integer == -1 { return nil }
        guard let parts = reply.elements, parts.count == 3, let made = parts[0].integer, let contents = parts[1].text,
            let foreign = parts[2].elements, (1...changes).contains(Int(made))
        else { throw Self.wrongShape }
        self.warn(ofForeign: foreign)
        return (Int(made), contents)
    }

    private func warn(ofForeign keys: [RESPValue]) {
        guard !keys.isEmpty else { return }
        self.logger.warning(
            "Keys of the presence store were written by another program with another type; they were deleted",
            metadata: [RedisLogKey.keys: "\(keys.compactMap { $0.text?.prefix(100) }.joined(separator: " "))"]
        )
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

    /// The ids of one node in one hub that match a query.
    enum ConnectionIDs {
        /// The total count, and the requested portion in order.
        case ids(count: Int, [String])
        /// The index has another type, or the node has entries under a later lease.
        case unavailable
        /// The node has no entries under this lease.
        case none
    }

    func connectionIDs(_ reply: RESPValue, of nodes: Int) throws(PresenceError) -> [ConnectionIDs] {
        guard let rows = reply.elements, rows.count == nodes else { throw Self.wrongShape }
        var answers: [ConnectionIDs] = []
        for row in rows {
            if let parts = row.elements, parts.count == 2, let count = parts[0].integer, (0...Int64(Int32.max)).contains(count),
                let members = parts[1].elements
            {
                answers.append(.ids(count: Int(count), members.compactMap(\.text)))
            } else if let state = row.integer {
                answers.append(state == 0 ? .none : .unavailable)
            } else {
                throw Self.wrongShape
            }
        }
        return answers
    }

    /// The valid ids among the texts.
    func ids(_ texts: [String]) -> [ConnectionID] {
        texts.compactMap { text in
            let id = ConnectionID(text)
            if id == nil { self.skipped(text) }
            return id
        }
    }

    /// - Returns: the record of each id; nil for one that cannot be decoded or no longer exists.
    func records(
        _ reply: RESPValue,
        of ids: [ConnectionID],
        in hub: HubName
    ) throws(PresenceError) -> [ConnectionRecord?] {
        guard let details = reply.elements, details.count == ids.count else { throw Self.wrongShape }
        let decoder = JSONDecoder()
        return zip(ids, details).map { $1.isNull ? nil : self.connectionRecord($0, $1, in: hub, decoder: decoder) }
    }

    /// - Parameter lease: the node's live lease.
    /// - Returns: nil when the node has no such connection under this lease.
    /// - Throws: ``PresenceError/nodeIsRegistering`` when the connection may exist nevertheless.
    func connection(
        _ id: ConnectionID,
        in hub: HubName,
        _ reply: RESPValue,
        lease: LeaseStatus
    ) throws(PresenceError) -> ListedConnection? {
        guard let parts = reply.elements, parts.count == 2, let number = parts[0].number else { throw Self.wrongShape }
        guard number == lease.number, !parts[1].isNull else {
            if lease.isRegistering || number > lease.number { throw .nodeIsRegistering }
            return nil
        }
        let record = self.connectionRecord(id, parts[1], in: hub, decoder: JSONDecoder())
        return record.map { ListedConnection(record: $0, nodeName: lease.name) }
    }

    // MARK: - Parts

    private static var wrongShape: PresenceError { .refused("unexpected answer from a script") }

    private static func age(of expiry: Int64, lease: Int64, at now: Int64) -> Duration {
        let granted = expiry.subtractingReportingOverflow(lease).partialValue
        return .milliseconds(max(0, now.subtractingReportingOverflow(granted).partialValue))
    }

    private func timedRows(_ reply: RESPValue) throws(PresenceError) -> (now: Int64, rows: ArraySlice<RESPValue>) {
        guard let elements = reply.elements, let now = elements.first?.integer else { throw Self.wrongShape }
        return (now, elements.dropFirst())
    }

    private func nodeRecord(_ value: RESPValue, id: String) -> NodeRecord? {
        guard let bytes = value.bytes,
            let record = try? JSONDecoder().decode(NodeRecord.self, from: Data(bytes.readableBytesView)),
            record.id.description == id
        else {
            self.skipped(id)
            return nil
        }
        return record
    }

    private func connectionRecord(
        _ id: ConnectionID,
        _ value: RESPValue,
        in hub: HubName,
        decoder: JSONDecoder
    ) -> ConnectionRecord? {
        guard let bytes = value.bytes,
            let details = try? decoder.decode(Details.self, from: Data(bytes.readableBytesView)),
            let record = details.record(id, in: hub)
        else {
            self.skipped(id.description)
            return nil
        }
        return record
    }

    private func skipped(_ record: String) {
        let metadata: Logger.Metadata = [RedisLogKey.record: "\(record.prefix(maximumBytes: 64))"]
        self.logger.warning("Skipped an unreadable record in the presence store", metadata: metadata)
    }
}

extension RESPValue {
    /// The number of a lease, which scripts return as text.
    fileprivate var number: Int64? { self.integer ?? self.text.flatMap { Int64($0) } }
}
