import NIOConcurrencyHelpers
import ServiceLifecycle
public import VolaryProtocol

/// A ``PresenceStore`` for the nodes of one process. It never throws.
public struct MemoryPresenceStore: PresenceStore {
    private let shared: MemoryPresence

    public init(shared: MemoryPresence) {
        self.shared = shared
    }

    @discardableResult
    public func register(_ node: NodeRecord, claiming claim: NameClaim) async throws(PresenceError) -> NodeRegistration {
        self.shared.withEntries { entries, now in
            var replaced: [HubName: Int] = [:]
            if case .sole(let dead) = claim {
                let others = entries.filter { $0.key != node.id && $0.value.record.name == node.name }
                let living = others.filter { !dead.contains($0.key) && !$0.value.isExpired(at: now) }
                guard living.isEmpty else { return NodeRegistration(wasReaped: false, namesakes: Set(living.keys)) }
                for id in others.keys { replaced.merge(self.shared.delete(id, from: &entries), uniquingKeysWith: +) }
            }
            entries[node.id] = MemoryPresence.Entry(record: node, renewedAt: now)
            let wasReaped = self.shared.reaped.withLockedValue { $0.contains(node.id) }
            return NodeRegistration(wasReaped: wasReaped, replacedConnections: replaced)
        }
    }

    public func renew(_ node: NodeRecord) async throws(PresenceError) -> LeaseState {
        self.changeLive(node.id) { entry, now in
            entry.record = node
            entry.renewedAt = now
            self.shared.reaped.withLockedValue { _ = $0.remove(node.id) }
        }
    }

    public func update(
        _ node: NodeID,
        in hub: HubName,
        adding: [ConnectionRecord],
        removing: [ConnectionID]
    ) async throws(PresenceError) -> LeaseState {
        guard adding.count + removing.count <= PresenceLimits.connectionsPerUpdate else { throw .tooManyChanges }
        return self.changeLive(node) { entry, now in
            entry.renewedAt = now
            for connection in adding { entry.add(connection, in: hub) }
            for id in removing { entry.remove(id, in: hub) }
        }
    }

    public func unregister(_ node: NodeID) async throws(PresenceError) {
        self.shared.withEntries { entries, _ in
            entries[node] = nil
            self.shared.reaped.withLockedValue { _ = $0.remove(node) }
        }
    }

    public func reap() async throws(PresenceError) -> [ReapedNode] {
        self.shared.withEntries { entries, now in
            var reaped: [ReapedNode] = []
            for (id, entry) in entries where entry.isExpired(at: now) {
                reaped.append(
                    ReapedNode(
                        id: id,
                        name: entry.record.name,
                        connections: self.shared.delete(id, from: &entries),
                        silence: now - entry.renewedAt
                    )
                )
            }
            return reaped
        }
    }

    public func nodes() async throws(PresenceError) -> [NodeStatus] {
        self.shared.withEntries { entries, now in
            entries.values.map { entry in
                NodeStatus(
                    record: entry.record,
                    connections: entry.total,
                    leaseAge: now - entry.renewedAt,
                    expired: entry.isExpired(at: now)
                )
            }.sorted { ($0.record.name, $0.record.id) < ($1.record.name, $1.record.id) }
        }
    }

    public func connections(_ query: ConnectionQuery) async throws(PresenceError) -> ConnectionPage {
        self.shared.withEntries { entries, now in
            var page: [ListedConnection] = []
            var total = 0
            var missing: [String] = []
            for entry in entries.values where query.includes(nodesNamed: entry.record.name) {
                guard !entry.isExpired(at: now) else {
                    missing.append(entry.record.name)
                    continue
                }
                if entry.record.registering { missing.append(entry.record.name) }
                guard let hub = entry.presence(in: query.hub), let index = hub.index(of: query.filter) else { continue }
                total += index.count
                // One more than the page holds, so that the merge knows whether more follow.
                for id in index.prefix(query.limit + 1, after: query.after) {
                    guard let record = hub.connections[id] else { continue }
                    page.append(ListedConnection(record: record, nodeName: entry.record.name))
                }
            }
            page.sort { $0.record.id < $1.record.id }
            return ConnectionPage(
                connections: Array(page.prefix(query.limit)),
                total: total,
                hasMore: page.count > query.limit,
                missing: missing.sorted(),
                nodes: Set(entries.values.lazy.filter { !$0.isExpired(at: now) }.map(\.record.id))
            )
        }
    }

    public func connection(_ id: ConnectionID, in hub: HubName) async throws(PresenceError) -> ListedConnection? {
        let found: (connection: ListedConnection?, isRegistering: Bool) = self.shared.withEntries { entries, now in
            guard let entry = entries[id.node], !entry.isExpired(at: now) else { return (nil, false) }
            let connection = entry.presence(in: hub)?.connections[id].map {
                ListedConnection(record: $0, nodeName: entry.record.name)
            }
            return (connection, entry.record.registering)
        }
        if found.connection == nil, found.isRegistering { throw .nodeIsRegistering }
        return found.connection
    }

    public func take(_ id: ConnectionID, in hub: HubName, for time: Duration) async throws(PresenceError) -> Bool {
        self.shared.take(id, in: hub, for: time)
    }

    public func run() async throws {
        try? await gracefulShutdown()
    }

    private func changeLive(_ node: NodeID, _ change: (inout MemoryPresence.Entry, Duration) -> Void) -> LeaseState {
        self.shared.withEntries { entries, now in
            guard var entry = entries.removeValue(forKey: node) else { return .lost }
            defer { entries[node] = entry }
            guard !entry.isExpired(at: now) else { return .lost }
            change(&entry, now)
            return .held
        }
    }
}
