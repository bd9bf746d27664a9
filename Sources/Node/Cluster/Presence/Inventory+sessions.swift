import Logging
import VolaryBackplane
import VolaryProtocol

/// Resumable connections in lists. They are not in the presence store: their records are, whatever becomes of their nodes.
extension Inventory {
    /// Adds the sessions that a query selects.
    func withSessions(_ page: ConnectionPage, _ query: ConnectionQuery) async -> ConnectionPage {
        guard let sessions else { return page }
        let selected: [FoundSession]
        let records: [SessionRecord]
        do throws(SessionStoreError) {
            let selection = SessionSelection(user: query.user, group: query.group)
            selected = try await sessions.find(selection, in: query.hub).filter { query.includes(self.nodeName(of: $0.owner)) }
            guard !selected.isEmpty else { return page }
            let following = selected.drop { session in query.after.map { session.id <= $0 } ?? false }
            // One more than the page holds, so that it is known whether more follow.
            records = try await sessions.records(of: following, in: query.hub, limit: query.limit + 1)
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
        let listed = records.map { self.listed($0, in: query.hub) }
        let merged = (page.connections + listed).sorted { $0.record.id < $1.record.id }
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
        let owner: NodeID? = if case .attached(let node) = record.status { node } else { nil }
        return ListedConnection(
            record: ConnectionRecord(
                id: record.id,
                hub: hub,
                protocol: record.protocol,
                connectedAt: record.connectedAt,
                user: record.user,
                groups: Set(record.memberships.current)
            ),
            nodeName: self.nodeName(of: owner)
        )
    }

    private func nodeName(of owner: NodeID?) -> String? { owner.map { self.directory.name(of: $0) ?? $0.description } }
}

extension ConnectionQuery {
    /// A detached connection is on no node.
    fileprivate func includes(_ nodeName: String?) -> Bool {
        nodeName.map { self.includes(nodesNamed: $0) } ?? (self.nodeName == nil)
    }
}
