import VolaryBackplane
import VolaryProtocol

extension SessionStore {
    /// Records ordered by id: at most `limit` above `after`.
    func records(in hub: HubName, after: ConnectionID?, limit: Int) async throws(SessionStoreError) -> [SessionRecord] {
        var ids: [ConnectionID] = []
        var last = after
        repeat {
            let section = try await self.find(SessionSelection(), in: hub, after: last)
            ids += section.sessions.map(\.id)
            last = section.next
        } while last != nil && ids.count < limit
        return try await self.records(of: Array(ids.prefix(limit)), in: hub)
    }
}
