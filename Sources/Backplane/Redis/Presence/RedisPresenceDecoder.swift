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
        /// Absent for a WebSocket.
        let transport: String?
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
                groups: Set(groups.compactMap(\.self)),
                // That of a later version, which this one does not know, counts as a WebSocket.
                transport: self.transport.flatMap { ConnectionTransport(rawValue: $0) } ?? .webSockets
            )
        }
    }

    let logger: Logger

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

    func warn(ofForeign keys: [RESPValue]) {
        guard !keys.isEmpty else { return }
        self.logger.warning(
            "Keys of the presence store were written by another program with another type; they were deleted",
            metadata: [RedisLogKey.keys: "\(keys.compactMap { $0.text?.prefix(100) }.joined(separator: " "))"]
        )
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

    static var wrongShape: PresenceError { .refused("unexpected answer from a script") }

    func nodeRecord(_ value: RESPValue, id: String) -> NodeRecord? {
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
    var number: Int64? {
        (self.integer ?? self.text.flatMap { Int64($0) }).flatMap { (0...9_007_199_254_740_991).contains($0) ? $0 : nil }
    }
}
