import VolaryBackplane
import VolaryProtocol

/// Reads the sessions of the cluster, attached and detached, from their records.
struct SessionCatalog: Sendable {
    let store: any SessionStore

    /// - Returns: nil for an id without session in the hub.
    func record(_ id: ConnectionID, in hub: HubName) async throws(SessionStoreError) -> SessionRecord? {
        try await self.store.records(of: [id], in: hub).first
    }

    /// The sessions that are selected, ordered by id.
    func find(_ selection: SessionSelection, in hub: HubName) async throws(SessionStoreError) -> [FoundSession] {
        var sessions: [FoundSession] = []
        var last: ConnectionID?
        repeat {
            let section = try await self.store.find(selection, in: hub, after: last)
            sessions += section.sessions
            last = section.next
        } while last != nil
        return sessions
    }

    /// Reads records one after the other, and leaves out those of sessions that are gone.
    /// - Parameter limit: of the records.
    func records(
        of sessions: some Collection<FoundSession>,
        in hub: HubName,
        limit: Int
    ) async throws(SessionStoreError) -> [SessionRecord] {
        var records: [SessionRecord] = []
        var left = sessions.map(\.id)[...]
        while records.count < limit, !left.isEmpty {
            let some = left.prefix(limit - records.count)
            records += try await self.store.records(of: Array(some), in: hub)
            left = left.dropFirst(some.count)
        }
        return records
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
