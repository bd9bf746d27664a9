import Logging
import VolaryBackplane
import VolaryProtocol

/// Resumable connections in lists. They are not in the presence store: their records are, whatever becomes of their nodes.
extension Inventory {
    /// Adds the sessions that a query selects.
    func withSessions(_ page: ConnectionPage, _ query: ConnectionQuery) async -> ConnectionPage {
        guard let sessions else { return page }
        let records: [SessionRecord]
        do throws(SessionStoreError) {
            records = try await sessions.records(in: query.hub)
        } catch {
            self.logger.debug("Connections listed without sessions", metadata: [LogKey.error: "\(error)"])
            // Only of itself does a node know whether it has sessions.
            let own = await self.connections.hasSessions(in: query.hub) ? nil : self.directory.ownID
            let unknown = self.directory.live.filter { $0.id != own }.map(\.name)
            return ConnectionPage(
                connections: page.connections,
                total: page.total,
                hasMore: page.hasMore,
                missing: Set(page.missing + unknown).sorted(),
                nodes: page.nodes
            )
        }
        let selected = records.map { self.listed($0, in: query.hub) }.filter { query.selects($0) }
        guard !selected.isEmpty else { return page }
        let following = selected.lazy.filter { session in query.after.map { $0 < session.record.id } ?? true }
        // One more than the page holds, so that it is known whether more follow.
        let merged = (page.connections + following.prefix(query.limit + 1)).sorted { $0.record.id < $1.record.id }
        return ConnectionPage(
            connections: Array(merged.prefix(query.limit)),
            total: page.total + selected.count,
            hasMore: page.hasMore || merged.count > query.limit,
            missing: page.missing,
            nodes: page.nodes
        )
    }

    func session(_ id: ConnectionID, in hub: HubName) async throws(PresenceError) -> ListedConnection? {
        guard let sessions else { return nil }
        do throws(SessionStoreError) {
            return try await sessions.record(id, in: hub).map { self.listed($0, in: hub) }
        } catch {
            throw .unavailable("\(error)")
        }
    }

    private func listed(_ record: SessionRecord, in hub: HubName) -> ListedConnection {
        let nodeName: String? =
            switch record.status {
            case .attached(let node): self.directory.name(of: node) ?? node.description
            case .detached: nil
            }
        return ListedConnection(
            record: ConnectionRecord(
                id: record.id,
                hub: hub,
                protocol: record.protocol,
                connectedAt: record.connectedAt,
                user: record.user,
                groups: Set(record.memberships.current)
            ),
            nodeName: nodeName
        )
    }
}

extension ConnectionQuery {
    fileprivate func selects(_ connection: ListedConnection) -> Bool {
        // A detached connection is on no node.
        guard let nodeName = connection.nodeName else { return self.nodeName == nil && self.selects(connection.record, on: "") }
        return self.selects(connection.record, on: nodeName)
    }
}
