import TestSupport
import Testing
import VolaryBackplane
import VolaryProtocol

/// What every presence store does, said once.
@Suite(.timeLimit(.minutes(2)))
struct PresenceContractTests {
    @Test(arguments: PresenceKind.allCases)
    func `A registered node is seen by all`(kind: PresenceKind) async throws {
        try await kind.withStores(2) { harness in
            let node = harness.record("one", draining: true)
            try await harness.stores[0].register(node, claiming: .shared)
            let nodes = try await harness.stores[1].nodes()
            #expect(nodes.map(\.record) == [node])
            #expect(nodes[0].connections == 0 && !nodes[0].expired)
            #expect(nodes[0].leaseAge >= .zero && nodes[0].leaseAge < .seconds(30))
        }
    }

    @Test(arguments: PresenceKind.allCases)
    func `Connections come and go`(kind: PresenceKind) async throws {
        try await kind.withStores(2) { harness in
            let node = harness.record("one")
            try await harness.store.register(node, claiming: .shared)
            let records = harness.connections(5, on: node.id)
            #expect(try await harness.store.update(node.id, adding: records, removing: []) == .held)
            #expect(
                try await harness.stores[1].connection(records[2].id) == ListedConnection(record: records[2], nodeName: "one")
            )
            #expect(try await harness.store.connection(.random(on: node.id)) == nil)
            #expect(try await harness.store.connection(.random(on: .random())) == nil)

            // Removing what is not there does nothing; adding what is there replaces it; adding comes before removing.
            let changed = ConnectionRecord(id: records[0].id, protocol: "echo", connectedAt: 5)
            let passing = harness.connections(1, on: node.id)
            let state = try await harness.store.update(
                node.id,
                adding: [changed] + passing,
                removing: [records[1].id, .random(on: node.id), passing[0].id]
            )
            #expect(state == .held)
            let page = try await harness.stores[1].connections(ConnectionQuery(limit: 100))
            let expected = ([changed] + records[2...]).sorted { $0.id < $1.id }
            #expect(page.connections.map(\.record) == expected)
            #expect(page.total == 4 && !page.hasMore && page.missing.isEmpty)
            #expect(try await harness.store.nodes().map(\.connections) == [4])
        }
    }

    @Test(arguments: PresenceKind.allCases)
    func `An id is taken once in each hub, until its time is over`(kind: PresenceKind) async throws {
        try await kind.withStores(2) { harness in
            let chat = try #require(HubName("chat"))
            let id = ConnectionID.roaming(high: 1, low: 2)
            #expect(try await harness.stores[0].take(id, in: .default, for: .seconds(60)))
            for store in harness.stores { #expect(try await !store.take(id, in: .default, for: .seconds(60))) }
            #expect(try await harness.stores[1].take(id, in: chat, for: .seconds(90)))
            #expect(try await harness.stores[1].take(.roaming(high: 1, low: 3), in: .default, for: .seconds(60)))
            try await harness.outlive(60_000)
            #expect(try await harness.stores[1].take(id, in: .default, for: .seconds(60)))
            #expect(try await !harness.stores[0].take(id, in: chat, for: .seconds(60)))
        }
    }

    @Test(arguments: PresenceKind.allCases)
    func `Of many nodes that take an id at once, one gets it`(kind: PresenceKind) async throws {
        try await kind.withStores(4) { harness in
            for number in 0..<50 {
                let id = ConnectionID.roaming(high: UInt64(number), low: 0)
                let taken = try await withThrowingTaskGroup(of: Bool.self) { group in
                    for store in harness.stores { group.addTask { try await store.take(id, in: .default, for: .seconds(60)) } }
                    return try await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
                }
                #expect(taken == 1)
            }
        }
    }

    @Test(arguments: PresenceKind.allCases)
    func `Pages merge all nodes in the order of ids`(kind: PresenceKind) async throws {
        try await kind.withStores(1) { harness in
            var expected: [ListedConnection] = []
            for (name, count) in [("a", 120), ("b", 1), ("c", 0), ("d", 79)] {
                let node = harness.record(name)
                try await harness.store.register(node, claiming: .shared)
                let records = harness.connections(count, on: node.id)
                _ = try await harness.store.update(node.id, adding: records, removing: [])
                expected += records.map { ListedConnection(record: $0, nodeName: name) }
            }
            expected.sort { $0.record.id < $1.record.id }
            for limit in [1, 7, 50, 100, 200, 201, 1000] {
                let pages = try await harness.allPages(limit: limit)
                #expect(pages.flatMap(\.connections) == expected, "limit \(limit)")
                #expect(pages.count == (expected.count + limit - 1) / limit, "limit \(limit)")
                #expect(pages.allSatisfy { $0.total == 200 && $0.missing.isEmpty && $0.connections.count <= limit })
                #expect(pages.map(\.hasMore) == pages.indices.map { $0 < pages.count - 1 })
            }
            let ofA = try await harness.allPages(limit: 50, nodeName: "a")
            #expect(ofA.flatMap(\.connections) == expected.filter { $0.nodeName == "a" })
            #expect(ofA.allSatisfy { $0.total == 120 })
            let nobody = try await harness.store.connections(ConnectionQuery(limit: 10, nodeName: "nobody"))
            #expect(nobody == ConnectionPage(connections: [], total: 0, hasMore: false, missing: [], nodes: nobody.nodes))
        }
    }

    @Test(arguments: PresenceKind.allCases)
    func `An expired lease takes everything with it`(kind: PresenceKind) async throws {
        try await kind.withStores(2) { harness in
            let (dying, living) = (harness.record("dying", short: true), harness.record("living"))
            for node in [dying, living] { try await harness.store.register(node, claiming: .shared) }
            let ghosts = harness.connections(3, on: dying.id)
            let real = harness.connections(2, on: living.id)
            #expect(try await harness.store.update(dying.id, adding: ghosts, removing: []) == .held)
            #expect(try await harness.store.update(living.id, adding: real, removing: []) == .held)
            try await harness.outlive(dying.leaseMilliseconds)

            let page = try await harness.store.connections(ConnectionQuery(limit: 10))
            #expect(Set(page.connections.map(\.record)) == Set(real))
            #expect(page.total == 2 && page.missing == ["dying"])
            let elsewhere = try await harness.store.connections(ConnectionQuery(limit: 10, nodeName: "living"))
            #expect(elsewhere.missing.isEmpty && elsewhere.total == 2)
            #expect(try await harness.store.connection(ghosts[0].id) == nil)
            let nodes = try await harness.store.nodes()
            #expect(nodes.map(\.record.name) == ["dying", "living"])
            #expect(nodes.map(\.expired) == [true, false])
            #expect(nodes[0].leaseAge >= .milliseconds(dying.leaseMilliseconds))

            #expect(try await harness.store.renew(dying) == .lost)
            #expect(try await harness.store.update(dying.id, adding: ghosts, removing: []) == .lost)

            // Both reap at once: the node is reported once.
            async let first = harness.stores[0].reap()
            async let second = harness.stores[1].reap()
            let reaped = try await first + second
            #expect(reaped.map(\.id) == [dying.id])
            #expect(reaped.map(\.name) == ["dying"])
            #expect(reaped.map(\.connections) == [[.default: 3]])
            #expect(reaped.allSatisfy { $0.silence >= .milliseconds(dying.leaseMilliseconds) && $0.silence < .seconds(60) })
            #expect(try await harness.store.nodes().map(\.record.name) == ["living"])
            #expect(try await harness.store.connections(ConnectionQuery(limit: 10)).missing.isEmpty)

            // It comes back under its id, without what it had.
            try await harness.store.register(dying, claiming: .shared)
            #expect(try await harness.store.connection(ghosts[0].id) == nil)
            #expect(try await harness.store.update(dying.id, adding: ghosts, removing: []) == .held)
        }
    }

    @Test(arguments: PresenceKind.allCases)
    func `A renewed lease stands`(kind: PresenceKind) async throws {
        try await kind.withStores(1) { harness in
            var node = harness.record("one", short: true)
            try await harness.store.register(node, claiming: .shared)
            let records = harness.connections(1, on: node.id)
            _ = try await harness.store.update(node.id, adding: records, removing: [])
            node.draining = true
            for _ in 0..<6 {
                try await harness.outlive(node.leaseMilliseconds / 4)
                #expect(try await harness.store.renew(node) == .held)
            }
            #expect(try await harness.store.nodes().map(\.record) == [node])
            #expect(try await harness.store.connection(records[0].id)?.record == records[0])
            #expect(try await harness.store.reap().isEmpty)
        }
    }

    @Test(arguments: PresenceKind.allCases)
    func `Nobody renews what was never registered`(kind: PresenceKind) async throws {
        try await kind.withStores(1) { harness in
            let node = harness.record("one")
            let renewed = try await harness.store.renew(node)
            #expect(renewed == .lost)
            #expect(try await harness.store.update(node.id, adding: harness.connections(1, on: node.id), removing: []) == .lost)
            #expect(try await harness.store.nodes().isEmpty)
            #expect(try await harness.store.connections(ConnectionQuery(limit: 10)).total == 0)
        }
    }

    @Test(arguments: PresenceKind.allCases)
    func `Registering again starts without connections`(kind: PresenceKind) async throws {
        try await kind.withStores(1) { harness in
            let node = harness.record("one")
            try await harness.store.register(node, claiming: .shared)
            _ = try await harness.store.update(node.id, adding: harness.connections(3, on: node.id), removing: [])
            try await harness.store.register(node, claiming: .sole(dead: []))
            #expect(try await harness.store.nodes().map(\.connections) == [0])
            #expect(try await harness.store.connections(ConnectionQuery(limit: 10)).total == 0)
        }
    }

    @Test(arguments: PresenceKind.allCases)
    func `A successor replaces those of its namesakes that are dead`(kind: PresenceKind) async throws {
        try await kind.withStores(1) { harness in
            let (first, second, third) = (harness.record("same"), harness.record("same"), harness.record("same"))
            let other = harness.record("other")
            for node in [first, second, other] {
                try await harness.store.register(node, claiming: .shared)
                _ = try await harness.store.update(node.id, adding: harness.connections(1, on: node.id), removing: [])
            }
            let both = try await harness.store.nodes()
            #expect(both.map(\.record.id) == [other.id] + [first.id, second.id].sorted())
            // As long as one is in the way, nothing changes.
            for dead: Set<NodeID> in [[], [first.id], [other.id, third.id]] {
                let refused = try await harness.store.register(third, claiming: .sole(dead: dead))
                let living = Set([first.id, second.id]).subtracting(dead)
                #expect(refused == NodeRegistration(wasReaped: false, namesakes: living))
                #expect(try await harness.store.nodes().map(\.record) == both.map(\.record))
                #expect(try await harness.store.renew(third) == .lost)
            }
            let dead: Set<NodeID> = [first.id, second.id, other.id]
            let answer = try await harness.store.register(third, claiming: .sole(dead: dead))
            #expect(answer == NodeRegistration(wasReaped: false, replacedConnections: [.default: 2]))
            #expect(try await harness.store.nodes().map(\.record.id) == [other.id, third.id])
            #expect(try await harness.store.connections(ConnectionQuery(limit: 10)).total == 1)
            #expect(try await harness.store.renew(first) == .lost)
            #expect(try await harness.store.reap().isEmpty)
            // Others have been told that its connections left.
            #expect(try await harness.store.register(first, claiming: .shared).wasReaped)
            let again = try await harness.store.register(harness.record("other"), claiming: .sole(dead: [other.id]))
            #expect(again.replacedConnections == [.default: 1])
        }
    }

    @Test(arguments: PresenceKind.allCases)
    func `A namesake whose lease is over is not in the way`(kind: PresenceKind) async throws {
        try await kind.withStores(1) { harness in
            let ghost = harness.record("same", short: true)
            try await harness.store.register(ghost, claiming: .shared)
            _ = try await harness.store.update(ghost.id, adding: harness.connections(2, on: ghost.id), removing: [])
            try await harness.outlive(ghost.leaseMilliseconds)
            let node = harness.record("same")
            let answer = try await harness.store.register(node, claiming: .sole(dead: []))
            #expect(answer == NodeRegistration(wasReaped: false, replacedConnections: [.default: 2]))
            #expect(try await harness.store.nodes().map(\.record.id) == [node.id])
        }
    }

    @Test(arguments: PresenceKind.allCases)
    func `Of many that claim a name at once one has it`(kind: PresenceKind) async throws {
        try await kind.withStores(4) { harness in
            let dead = harness.record("same")
            try await harness.store.register(dead, claiming: .shared)
            let nodes = harness.stores.map { _ in harness.record("same") }
            let answers = try await withThrowingTaskGroup(of: NodeRegistration.self) { group in
                for (store, node) in zip(harness.stores, nodes) {
                    group.addTask { try await store.register(node, claiming: .sole(dead: [dead.id])) }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            let listed = try await harness.store.nodes().map(\.record.id)
            #expect(listed.count == 1 && nodes.map(\.id).contains(listed[0]))
            #expect(answers.count { $0.namesakes.isEmpty } == 1)
            #expect(answers.count { $0.namesakes == Set(listed) } == 3)
        }
    }

    @Test(arguments: PresenceKind.allCases)
    func `An unregistered node is gone`(kind: PresenceKind) async throws {
        try await kind.withStores(1) { harness in
            let node = harness.record("one")
            try await harness.store.register(node, claiming: .shared)
            let records = harness.connections(1, on: node.id)
            _ = try await harness.store.update(node.id, adding: records, removing: [])
            try await harness.store.unregister(node.id)
            try await harness.store.unregister(node.id)
            #expect(try await harness.store.nodes().isEmpty)
            #expect(try await harness.store.connection(records[0].id) == nil)
            #expect(try await harness.store.renew(node) == .lost)
            #expect(try await harness.store.reap().isEmpty)
        }
    }

    @Test(arguments: PresenceKind.allCases)
    func `A larger update is refused and ends nobody`(kind: PresenceKind) async throws {
        try await kind.withStores(1) { harness in
            let node = harness.record("one")
            try await harness.store.register(node, claiming: .shared)
            let records = harness.connections(PresenceLimits.connectionsPerUpdate + 1, on: node.id)
            await #expect(throws: PresenceError.self) {
                try await harness.store.update(node.id, adding: records, removing: [])
            }
            await #expect(throws: PresenceError.self) {
                try await harness.store.update(node.id, adding: [records[0]], removing: records.dropFirst().map(\.id))
            }
            #expect(try await harness.store.nodes().map(\.connections) == [0])
        }
    }

    @Test(arguments: PresenceKind.allCases)
    func `An update of the largest size is taken`(kind: PresenceKind) async throws {
        try await kind.withStores(1) { harness in
            let node = harness.record("one")
            try await harness.store.register(node, claiming: .shared)
            let records = harness.connections(PresenceLimits.connectionsPerUpdate, on: node.id)
            #expect(try await harness.store.update(node.id, adding: records, removing: []) == .held)
            #expect(try await harness.store.nodes().map(\.connections) == [records.count])
            #expect(try await harness.store.update(node.id, adding: [], removing: records.map(\.id)) == .held)
            #expect(try await harness.store.nodes().map(\.connections) == [0])
            #expect(try await harness.store.update(node.id, adding: [], removing: []) == .held)
        }
    }
}
