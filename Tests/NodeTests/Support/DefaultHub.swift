import NIOCore
import VolaryBackplane
import VolaryProtocol

@testable import VolaryNode

// For tests that know one hub only.

extension Topic {
    static var all: Topic { .all(.default) }
    static func group(_ name: AudienceName) -> Topic { .group(.default, name) }
    static func user(_ name: AudienceName) -> Topic { .user(.default, name) }
}

extension Publication {
    init(
        id: PublicationID,
        kind: Kind,
        sender: ConnectionID? = nil,
        audience: Audience = .all,
        dataType: DataType = .text,
        timestamp: Int64,
        confirmation: Confirmation = .none,
        payload: ByteBuffer
    ) {
        self.init(
            id: id,
            kind: kind,
            sender: sender,
            hub: .default,
            audience: audience,
            dataType: dataType,
            timestamp: timestamp,
            confirmation: confirmation,
            payload: payload
        )
    }
}

extension ConnectionRecord {
    init(
        id: ConnectionID,
        protocol: String,
        connectedAt: Int64,
        user: AudienceName? = nil,
        groups: Set<AudienceName> = []
    ) {
        self.init(id: id, hub: .default, protocol: `protocol`, connectedAt: connectedAt, user: user, groups: groups)
    }
}

extension ConnectionQuery {
    init(
        limit: Int,
        after: ConnectionID? = nil,
        nodeName: UTF8Text? = nil,
        user: AudienceName? = nil,
        group: AudienceName? = nil
    ) {
        self.init(in: .default, limit: limit, after: after, nodeName: nodeName, user: user, group: group)
    }
}

extension PresenceStore {
    func update(
        _ node: NodeID,
        adding: [ConnectionRecord],
        removing: [ConnectionID]
    ) async throws(PresenceError) -> LeaseState {
        try await self.update(node, in: .default, adding: adding, removing: removing)
    }

    func connection(_ id: ConnectionID) async throws(PresenceError) -> ListedConnection? {
        try await self.connection(id, in: .default)
    }
}

extension CloseRequest {
    init(id: PublicationID, connection: ConnectionID, code: CloseCode, reason: String) {
        self.init(id: id, hub: .default, connection: connection, code: code, reason: reason)
    }
}

extension HubAudience {
    static let all = HubAudience(hub: .default, audience: .all)
    static func connection(_ id: ConnectionID) -> HubAudience { HubAudience(hub: .default, audience: .connection(id)) }
    static func group(_ name: AudienceName) -> HubAudience { HubAudience(hub: .default, audience: .group(name)) }
    static func user(_ name: AudienceName) -> HubAudience { HubAudience(hub: .default, audience: .user(name)) }
}

extension ConnectionManager {
    func record(_ id: ConnectionID) async -> ConnectionRecord? { await self.record(id, in: .default) }

    func onShard<Result: Sendable>(
        of id: ConnectionID,
        _ body: @escaping @Sendable (ConnectionShard, Connection) -> Result
    ) async -> Result? {
        await self.onShard(of: id, in: .default, body)
    }

    func send(_ frames: ByteBuffer, to id: ConnectionID) async -> Bool { await self.send(frames, to: id, in: .default) }

    func close(_ id: ConnectionID, code: CloseCode, reason: String) async -> Bool {
        await self.close(id, in: .default, code: code, reason: reason)
    }
}

extension PresenceRegistration {
    mutating func closed(_ id: ConnectionID) { self.closed(id, in: .default) }
}
