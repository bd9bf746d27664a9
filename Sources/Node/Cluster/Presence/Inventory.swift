import Logging
import VolaryBackplane
import VolaryProtocol

/// Answers for the whole cluster who is connected, and says when it cannot.
struct Inventory: Sendable {
    let store: any PresenceStore
    let connections: ConnectionManager
    let directory: NodeDirectory
    let logger: Logger

    /// One page, and whether it may be trusted.
    struct Page: Sendable {
        let page: ConnectionPage
        /// False when nodes are missing.
        var isComplete: Bool { self.page.missing.isEmpty }
        /// Where the next page begins; nil on the last.
        var next: ConnectionID? { self.page.hasMore ? self.page.connections.last?.record.id : nil }
    }

    /// When the presence store does not answer, the page has what this node holds, and every other node is missing.
    func page(_ query: ConnectionQuery) async -> Page {
        do throws(PresenceError) {
            return Page(page: self.withAbsentNodes(try await self.store.connections(query), query))
        } catch {
            self.logger.debug("Inventory from this node alone", metadata: [LogKey.error: "\(error)"])
            return Page(page: await self.ownPage(query))
        }
    }

    /// - Throws: ``PresenceError`` when the store does not answer and this node does not hold the connection itself.
    func connection(_ id: ConnectionID) async throws(PresenceError) -> ListedConnection? {
        if id.node == self.directory.ownID {
            // A node knows its own better than any store.
            return await self.connections.record(id).map {
                ListedConnection(record: $0, nodeName: self.directory.own.record.name)
            }
        }
        return try await self.store.connection(id)
    }

    /// The connections whose ids begin with these digits, at most two of them. Ids are listed in their order, so this is a short page.
    /// - Throws: ``PresenceError`` when the store does not answer, or not for all nodes: one of those that are missing might have another.
    func connections(beginningWith short: ShortID) async throws(PresenceError) -> [ConnectionID] {
        let query = ConnectionQuery(limit: 2, after: short.predecessor())
        let page = self.withAbsentNodes(try await self.store.connections(query), query)
        let ids = page.connections.map(\.record.id).filter { short.begins($0) }
        guard ids.count > 1 || page.missing.isEmpty else { throw .unavailable("not all nodes are listed") }
        return ids
    }

    /// All nodes, and whether that is the truth of this moment or what was last seen.
    func nodes() async -> (nodes: [NodeStatus], isComplete: Bool) {
        do throws(PresenceError) {
            return (try await self.store.nodes(), true)
        } catch {
            self.logger.debug("Nodes as last seen", metadata: [LogKey.error: "\(error)"])
            return (self.directory.all, false)
        }
    }

    /// Brings the directory up to date. A list without this node says nothing of the others that are known: the store may have lost its
    /// data. To a node that knows of no others, and has only just begun, it says who is there.
    /// - Returns: whether the store answers.
    @discardableResult
    func refreshDirectory() async -> Bool {
        let (nodes, isComplete) = await self.nodes()
        guard isComplete else { return false }
        let knowsOthers = self.directory.all.count > 1
        if !knowsOthers || nodes.contains(where: { $0.record.id == self.directory.ownID }) { self.directory.update(nodes) }
        return true
    }

    /// A store that has lost its data does not know whom it lacks; this node does.
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
