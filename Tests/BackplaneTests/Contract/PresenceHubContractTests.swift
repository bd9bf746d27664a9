import TestSupport
import Testing
import VolaryBackplane
import VolaryProtocol

/// How every presence store keeps hubs apart.
@Suite(.timeLimit(.minutes(2)))
struct PresenceHubContractTests {
    private static let hubs: [HubName] = ["default", "chat", "b`,.[]_1"].compactMap { HubName($0) }

    private func connection(
        on node: NodeID,
        in hub: HubName,
        user: AudienceName? = nil,
        groups: Set<AudienceName> = []
    )
        -> ConnectionRecord
    {
        ConnectionRecord(id: .random(on: node), hub: hub, protocol: "plain", connectedAt: 1, user: user, groups: groups)
    }

    private func page(_ store: any PresenceStore, _ query: ConnectionQuery) async throws -> Set<ConnectionRecord> {
        let page = try await store.connections(query)
        #expect(page.total == page.connections.count && !page.hasMore && page.missing.isEmpty)
        return Set(page.connections.map(\.record))
    }

    @Test(arguments: PresenceKind.allCases)
    func `Lists, counts and filters are of one hub, and the same names in another hub are other ones`(
        kind: PresenceKind
    )
        async throws
    {
        try await kind.withStores(2) { harness in
            let nodes = ["a", "b"].map { harness.record($0) }
            var everything: [ConnectionRecord] = []
            for node in nodes {
                try await harness.store.register(node, claiming: .shared)
                for (number, hub) in Self.hubs.enumerated() {
                    let records =
                        (0...number).map { _ in self.connection(on: node.id, in: hub, user: "ann", groups: ["red", "green"]) }
                        + [
                            self.connection(on: node.id, in: hub, user: "bob", groups: ["red"]),
                            self.connection(on: node.id, in: hub),
                        ]
                    #expect(try await harness.store.update(node.id, in: hub, adding: records, removing: []) == .held)
                    everything += records
                }
            }
            let filters: [(user: AudienceName?, group: AudienceName?)] = [
                (nil, nil), ("ann", nil), ("bob", nil), (nil, "red"), (nil, "green"), ("ann", "red"), ("bob", "green"),
            ]
            for hub in Self.hubs {
                for (user, group) in filters {
                    let query = ConnectionQuery(in: hub, limit: 1000, user: user, group: group)
                    let expected = everything.filter { record in
                        record.hub == hub && (user == nil || record.user == user)
                            && (group.map { record.groups.contains($0) } ?? true)
                    }
                    #expect(try await self.page(harness.stores[1], query) == Set(expected), "\(hub) \(query)")
                }
            }
            let ofNobody = ConnectionQuery(in: try #require(HubName("empty")), limit: 10)
            #expect(try await self.page(harness.store, ofNobody).isEmpty)
            // A node is counted over all hubs.
            #expect(try await harness.store.nodes().map(\.connections) == [12, 12])
        }
    }

    @Test(arguments: PresenceKind.allCases)
    func `A connection is found in its hub only, and removed in its hub only`(kind: PresenceKind) async throws {
        try await kind.withStores(1) { harness in
            let node = harness.record("one")
            try await harness.store.register(node, claiming: .shared)
            let (chat, other) = (Self.hubs[1], Self.hubs[2])
            let record = self.connection(on: node.id, in: chat, user: "ann", groups: ["red"])
            _ = try await harness.store.update(node.id, in: chat, adding: [record], removing: [])
            #expect(try await harness.store.connection(record.id, in: chat)?.record == record)
            for hub in [HubName.default, other] { #expect(try await harness.store.connection(record.id, in: hub) == nil) }
            _ = try await harness.store.update(node.id, in: other, adding: [], removing: [record.id])
            #expect(try await harness.store.connection(record.id, in: chat)?.record == record)
            _ = try await harness.store.update(node.id, in: chat, adding: [], removing: [record.id])
            #expect(try await harness.store.connection(record.id, in: chat) == nil)
            #expect(try await harness.store.nodes().map(\.connections) == [0])
        }
    }

    @Test(arguments: PresenceKind.allCases)
    func `Pages of a hub give each of its connections once`(kind: PresenceKind) async throws {
        try await kind.withStores(1) { harness in
            var expected: [ConnectionID] = []
            for name in ["a", "b"] {
                let node = harness.record(name)
                try await harness.store.register(node, claiming: .shared)
                for hub in Self.hubs {
                    let records = (0..<25).map { _ in self.connection(on: node.id, in: hub) }
                    _ = try await harness.store.update(node.id, in: hub, adding: records, removing: [])
                    if hub == Self.hubs[1] { expected += records.map(\.id) }
                }
            }
            var found: [ConnectionID] = []
            repeat {
                let page = try await harness.store.connections(
                    ConnectionQuery(in: Self.hubs[1], limit: 7, after: found.last)
                )
                #expect(page.total == 50)
                found += page.connections.map(\.record.id)
                guard page.hasMore else { break }
            } while found.count < 100
            #expect(found == expected.sorted())
        }
    }

    @Test(arguments: PresenceKind.allCases)
    func `A dead node is counted by hub, once, whether it is reaped or replaced`(kind: PresenceKind) async throws {
        try await kind.withStores(2) { harness in
            for isReaped in [true, false] {
                let dead = harness.record("same", short: true)
                try await harness.store.register(dead, claiming: .shared)
                var expected: [HubName: Int] = [:]
                for (number, hub) in Self.hubs.dropFirst().enumerated() {
                    let records = (0...number).map { _ in self.connection(on: dead.id, in: hub, user: "ann") }
                    _ = try await harness.store.update(dead.id, in: hub, adding: records, removing: [])
                    expected[hub] = records.count
                }
                try await harness.outlive(dead.leaseMilliseconds)
                for hub in Self.hubs {
                    let page = try await harness.store.connections(ConnectionQuery(in: hub, limit: 10))
                    #expect(page.connections.isEmpty && page.total == 0 && page.missing == ["same"])
                }
                if isReaped {
                    let reaped = try await harness.stores[0].reap() + harness.stores[1].reap()
                    #expect(reaped.map(\.connections) == [expected])
                } else {
                    let next = harness.record("same")
                    let answer = try await harness.store.register(next, claiming: .sole(dead: []))
                    #expect(answer.replacedConnections == expected)
                    try await harness.store.unregister(next.id)
                }
                for hub in Self.hubs {
                    #expect(try await self.page(harness.store, ConnectionQuery(in: hub, limit: 10)).isEmpty)
                }
                #expect(try await harness.store.nodes().isEmpty)
            }
        }
    }

    @Test(arguments: PresenceKind.allCases)
    func `A node takes its connections in all hubs with it, and registers again without them`(kind: PresenceKind) async throws {
        try await kind.withStores(1) { harness in
            let (leaving, staying) = (harness.record("leaving"), harness.record("staying"))
            for node in [leaving, staying] { try await harness.store.register(node, claiming: .shared) }
            for again in [false, true] {
                var left: [HubName: Set<ConnectionRecord>] = [:]
                for hub in Self.hubs {
                    let records = [leaving, staying].map { self.connection(on: $0.id, in: hub) }
                    for record in records {
                        _ = try await harness.store.update(record.id.node, in: hub, adding: [record], removing: [])
                    }
                    left[hub] = [records[1]]
                }
                if again {
                    try await harness.store.unregister(leaving.id)
                } else {
                    try await harness.store.register(leaving, claiming: .shared)
                }
                for hub in Self.hubs {
                    #expect(try await self.page(harness.store, ConnectionQuery(in: hub, limit: 10)) == left[hub])
                    let rest = left[hub]?.map(\.id) ?? []
                    _ = try await harness.store.update(staying.id, in: hub, adding: [], removing: rest)
                }
            }
            #expect(try await harness.store.nodes().map(\.connections) == [0])
        }
    }

    @Test(arguments: PresenceKind.allCases)
    func `A connection in as many groups as a store accepts is found by each of them`(kind: PresenceKind) async throws {
        try await kind.withStores(1) { harness in
            let node = harness.record("one")
            try await harness.store.register(node, claiming: .shared)
            let limits = GroupLimits.maximum
            let bytes = limits.bytes / limits.groups
            let groups = (0..<limits.groups).compactMap { number in
                AudienceName(String("\(number)-" + String(repeating: "/", count: bytes)).prefix(bytes))
            }
            #expect(Set(groups).count == limits.groups && groups.reduce(0) { $0 + $1.byteCount } == limits.bytes)
            let record = self.connection(on: node.id, in: Self.hubs[1], user: "ann", groups: Set(groups))
            #expect(try await harness.store.update(node.id, in: Self.hubs[1], adding: [record], removing: []) == .held)
            for group in [groups[0], groups[1000], groups[limits.groups - 1]] {
                let query = ConnectionQuery(in: Self.hubs[1], limit: 10, user: "ann", group: group)
                #expect(try await self.page(harness.store, query) == [record])
            }
            let without = self.connection(on: node.id, in: Self.hubs[1])
            let changed = ConnectionRecord(id: record.id, hub: record.hub, protocol: "plain", connectedAt: 1)
            _ = try await harness.store.update(node.id, in: Self.hubs[1], adding: [changed, without], removing: [])
            let query = ConnectionQuery(in: Self.hubs[1], limit: 10, group: groups[7])
            #expect(try await self.page(harness.store, query).isEmpty)
        }
    }
}
