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
        func record(_ id: ConnectionID) -> ConnectionRecord? {
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
                hub: .default,
                protocol: self.protocol,
                connectedAt: self.connectedAt,
                user: user ?? nil,
                groups: Set(groups.compactMap(\.self))
            )
        }
    }

    let logger: Logger

    /// - Returns: the result for the node, and the contents of its keys.
    func registration(_ reply: RESPValue) throws(PresenceError) -> (NodeRegistration, contents: String) {
        guard let parts = reply.elements, parts.count == 5, let wasReaped = parts[0].integer, (0...1).contains(wasReaped),
            let replaced = parts[1].integer, replaced >= 0, let namesakes = parts[2].elements,
            let foreign = parts[3].elements, let contents = parts[4].text
        else { throw Self.wrongShape }
        var ids: Set<NodeID> = []
        for namesake in namesakes {
            // Without a valid id, no node could be asked whether it is alive.
            guard let id = namesake.text.flatMap({ NodeID($0) }) else { throw Self.wrongShape }
            ids.insert(id)
        }
        if !foreign.isEmpty {
            self.logger.warning(
                "Keys of the presence store were written by another program with another type; they were deleted",
                metadata: [RedisLogKey.keys: "\(foreign.compactMap { $0.text?.prefix(100) }.joined(separator: " "))"]
            )
        }
        let registration = NodeRegistration(
            wasReaped: wasReaped == 1,
            replacedConnections: replaced > 0 ? [.default: Int(replaced)] : [:],
            namesakes: ids
        )
        return (registration, contents)
    }

    func leaseState(_ reply: RESPValue) throws(PresenceError) -> LeaseState {
        switch reply.integer {
        case 1: return .held
        case 0: return .lost
        default: throw Self.wrongShape
        }
    }

    /// - Parameter changes: how many changes were requested.
    /// - Returns: how many of them, from the first on, were made (at least one if any were requested), and the contents of the
    ///   node's keys. Nil when the lease is lost.
    func changesMade(_ reply: RESPValue, of changes: Int) throws(PresenceError) -> (Int, contents: String)? {
        if reply.integer == -1 { return nil }
        guard let parts = reply.elements, parts.count == 2, let made = parts[0].integer, let contents = parts[1].text,
            (min(1, changes)...changes).contains(Int(made))
        else { throw Self.wrongShape }
        return (Int(made), contents)
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

    func reaped(_ reply: RESPValue) throws(PresenceError) -> [ReapedNode] {
        let (now, rows) = try self.timedRows(reply)
        var nodes: [ReapedNode] = []
        for row in rows {
            guard let row = row.elements, row.count == 5, let text = row[0].text, let connections = row[3].integer,
                let expiry = row[4].integer
            else { throw Self.wrongShape }
            guard let id = NodeID(text) else {
                self.skipped(text)
                continue
            }
            // The nodes are deleted already, so the caller must get them even if a record is bad.
            let lease = self.nodeRecord(row[2], id: text)?.leaseMilliseconds ?? 0
            nodes.append(
                ReapedNode(
                    id: id,
                    name: row[1].text ?? text,
                    connections: connections > 0 ? [.default: Int(connections)] : [:],
                    silence: Self.age(of: expiry, lease: lease, at: now)
                )
            )
        }
        return nodes
    }

    /// - Returns: each node's id and name, and whether it holds a lease.
    func leases(_ reply: RESPValue) throws(PresenceError) -> [(node: String, name: String, isLive: Bool)] {
        guard let rows = reply.elements else { throw Self.wrongShape }
        var leases: [(node: String, name: String, isLive: Bool)] = []
        for row in rows {
            guard let row = row.elements, row.count == 3, let node = row[0].text, let name = row[1].text,
                let isLive = row[2].integer
            else { throw Self.wrongShape }
            leases.append((node, name, isLive == 1))
        }
        return leases
    }

    /// The ids of one node that match a query.
    enum ConnectionIDs {
        /// The total count, whether the node is still registering, and the requested portion in order.
        case ids(count: Int, isRegistering: Bool, [String])
        /// The lease has expired, or the index has another type.
        case unavailable
        /// The node no longer exists.
        case gone
    }

    func connectionIDs(_ reply: RESPValue, of nodes: Int) throws(PresenceError) -> [ConnectionIDs] {
        guard let rows = reply.elements, rows.count == nodes else { throw Self.wrongShape }
        var answers: [ConnectionIDs] = []
        for row in rows {
            if let parts = row.elements, parts.count == 3, let count = parts[0].integer, (0...Int64(Int32.max)).contains(count),
                let isRegistering = parts[1].integer, let members = parts[2].elements
            {
                answers.append(.ids(count: Int(count), isRegistering: isRegistering == 1, members.compactMap(\.text)))
            } else if let state = row.integer {
                answers.append(state == 0 ? .gone : .unavailable)
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
    func records(_ reply: RESPValue, of ids: [ConnectionID]) throws(PresenceError) -> [ConnectionRecord?] {
        guard let details = reply.elements, details.count == ids.count else { throw Self.wrongShape }
        let decoder = JSONDecoder()
        return zip(ids, details).map { $1.isNull ? nil : self.connectionRecord($0, $1, decoder: decoder) }
    }

    func connection(_ id: ConnectionID, _ reply: RESPValue) throws(PresenceError) -> ListedConnection? {
        if reply.isNull { return nil }
        if reply.integer == 1 { throw .nodeIsRegistering }
        guard let parts = reply.elements, parts.count == 2, let name = parts[0].text else { throw Self.wrongShape }
        let record = self.connectionRecord(id, parts[1], decoder: JSONDecoder())
        return record.map { ListedConnection(record: $0, nodeName: name) }
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

    private func connectionRecord(_ id: ConnectionID, _ value: RESPValue, decoder: JSONDecoder) -> ConnectionRecord? {
        guard let bytes = value.bytes,
            let details = try? decoder.decode(Details.self, from: Data(bytes.readableBytesView)),
            let record = details.record(id)
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
