import Logging
import VolaryBackplane
import VolaryProtocol

/// Lists the connections and nodes of the whole cluster, and says when a list is incomplete.
struct Inventory: Sendable {
    let store: any PresenceStore
    let connections: ConnectionManager
    let directory: NodeDirectory
    let logger: Logger
    let life: LifecyclePhase
    /// nil: no connection can be resumed.
    var sessions: SessionCatalog?

    /// One page, and whether it is complete.
    struct Page: Sendable {
        let page: ConnectionPage
        /// False when nodes are missing.
        var isComplete: Bool { self.page.missing.isEmpty }
        /// Where the next page begins; nil on the last.
        var next: ConnectionID? { self.page.hasMore ? self.page.connections.last?.record.id : nil }
    }

    /// When the presence store does not answer, the page contains only this node's connections, and every other node is
    /// `missing`.
    /// - Throws: `CancellationError` if the task is canceled before the store answers because the client has disconnected: nobody needs
    ///   the page. A draining node cancels requests whose client still waits; they get this node's connections.
    func page(_ query: ConnectionQuery) async throws(CancellationError) -> Page {
        do throws(PresenceError) {
            let page = self.withAbsentNodes(try await self.store.connections(query), query)
            return Page(page: await self.withSessions(page, query))
        } catch {
            guard !Task.isCancelled || self.life.phase == .draining else { throw CancellationError() }
            self.logger.debug("Connections listed from this node only", metadata: [LogKey.error: "\(error)"])
            return Page(page: await self.withSessions(await self.ownPage(query), query))
        }
    }

    /// - Throws: ``PresenceError`` when the store does not answer and this node does not hold the connection itself.
    func connection(_ id: ConnectionID, in hub: HubName) async throws(PresenceError) -> ListedConnection? {
        let isOwn = id.isRoaming ? self.connections.shard(of: id) != nil : id.node == self.directory.ownID
        // The node's own state is newer than the store's.
        if isOwn, let record = await self.connections.record(id, in: hub) {
            return ListedConnection(record: record, nodeName: self.directory.own.record.name)
        }
        if let session = try await self.session(id, in: hub) { return session }
        if isOwn { return nil }
        return id.isRoaming ? try await self.roaming(id, in: hub) : try await self.store.connection(id, in: hub)
    }

    /// Any node may hold it. Lists are ordered by id, so this reads one short page.
    private func roaming(_ id: ConnectionID, in hub: HubName) async throws(PresenceError) -> ListedConnection? {
        let page = try await self.store.connections(ConnectionQuery(in: hub, limit: 1, after: id.predecessor))
        if let first = page.connections.first, first.record.id == id { return first }
        guard page.missing.isEmpty else { throw .unavailable("not all nodes are listed") }
        return nil
    }

    /// The connections of a hub whose ids begin with these digits, at most two of them. Lists are ordered by id, so this reads one short
    /// page.
    /// - Throws: ``PresenceError`` when the store does not answer, or the list is incomplete: a missing node may hold another
    ///   match.
    func connections(beginningWith short: ShortID, in hub: HubName) async throws(PresenceError) -> [ConnectionID] {
        let query = ConnectionQuery(in: hub, limit: 2, after: short.predecessor())
        let page = await self.withSessions(self.withAbsentNodes(try await self.store.connections(query), query), query)
        let ids = page.connections.map(\.record.id).filter { short.begins($0) }
        guard ids.count > 1 || page.missing.isEmpty else { throw .unavailable("not all nodes are listed") }
        return ids
    }

    /// All nodes. `isComplete` is false when the store does not answer and the list is the last one read.
    func nodes() async -> (nodes: [NodeStatus], isComplete: Bool) {
        do throws(PresenceError) {
            return (try await self.store.nodes(), true)
        } catch {
            self.logger.debug("Nodes listed as last read", metadata: [LogKey.error: "\(error)"])
            return (self.directory.all, false)
        }
    }

    /// Updates the directory from the store. A list without this node is ignored when the directory has other nodes: the store
    /// may have lost its data. A node that has just started, and knows no others, uses any list.
    /// - Returns: whether the store answers.
    @discardableResult
    func refreshDirectory() async -> Bool {
        let (nodes, isComplete) = await self.nodes()
        guard isComplete else { return false }
        let knowsOthers = self.directory.all.count > 1
        if !knowsOthers || nodes.contains(where: { $0.record.id == self.directory.ownID }) { self.directory.update(nodes) }
        return true
    }

    /// Adds nodes that the store has lost with its data and that this node still expects.
    private func withAbsentNodes(_ page: ConnectionPage, _ query: ConnectionQuery) -> ConnectionPage {
        let absent = self.directory.absent(from: page.nodes).filter { query.includes(nodesNamed: $0) }
        guard !absent.isEmpty else { return page }
        return ConnectionPage(
            connections: page.connections,
            total: page.total,
            hasMore: page.hasMore,
            missing: Set(page.missing + absent).sorted(),
            nodes: page.nodes
        )
    }

    private func ownPage(_ query: ConnectionQuery) async -> ConnectionPage {
        let name = self.directory.own.record.name
        let others = self.directory.live.filter { $0.id != self.directory.ownID }.map(\.name)
        let records = await self.connections.records.filter { query.selects($0, on: name) }
        let rest = records.filter { record in query.after.map { $0 < record.id } ?? true }.sorted { $0.id < $1.id }
        return ConnectionPage(
            connections: rest.prefix(query.limit).map { ListedConnection(record: $0, nodeName: name) },
            total: records.count,
            hasMore: rest.count > query.limit,
            missing: others.filter { query.includes(nodesNamed: $0) },
            nodes: [self.directory.ownID]
        )
    }
}
