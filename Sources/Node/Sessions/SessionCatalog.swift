import VolaryBackplane
import VolaryProtocol

/// Reads the sessions of the cluster, attached and detached, from their records.
struct SessionCatalog: Sendable {
    private static let pageSize = 500

    let store: any SessionStore

    /// - Returns: nil for an id without session in the hub.
    func record(_ id: ConnectionID, in hub: HubName) async throws(SessionStoreError) -> SessionRecord? {
        try await self.store.records(in: hub, after: id.predecessor, limit: 1).first { $0.id == id }
    }

    /// All sessions of a hub, ordered by id.
    func records(in hub: HubName) async throws(SessionStoreError) -> [SessionRecord] {
        var records: [SessionRecord] = []
        while true {
            let page = try await self.store.records(in: hub, after: records.last?.id, limit: Self.pageSize)
            records += page
            guard page.count == Self.pageSize else { return records }
        }
    }
}

extension SessionRecord {
    /// Whether a command or a message for an audience is for this connection now.
    func isSelected(by audience: Audience, _ selection: PublicationDetails?) -> Bool {
        let isMember =
            switch audience {
            case .all: true
            case .connection(let id): id == self.id
            case .group(let group): self.memberships.isMember(of: group)
            case .user(let user): user == self.user
            }
        guard isMember, let selection else { return isMember }
        return !selection.excludes(self.id) && selection.filter?.matches(RecordSubject(record: self)) ?? true
    }
}

/// A session, as filters of REST read it.
private struct RecordSubject: FilterSubject {
    let record: SessionRecord

    var connectionID: UTF8Text { UTF8Text(self.record.id.description) }

    var userID: UTF8Text? { self.record.user.map { UTF8Text($0.text) } }

    var subprotocol: UTF8Text? { UTF8Text(self.record.protocol) }

    var groupCount: Int { self.record.memberships.current.count }

    func isMember(of group: UTF8Text) -> Bool { AudienceName(group).map(self.record.memberships.isMember) ?? false }
}
