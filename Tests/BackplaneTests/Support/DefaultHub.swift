import NIOCore
import VolaryBackplane
import VolaryProtocol

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
