import TestSupport
import Testing
import VolaryBackplane
import VolaryProtocol

/// What every presence store does with nodes that die, freeze, come back or are forgotten.
@Suite(.timeLimit(.minutes(2)))
struct PresenceGhostContractTests {
    @Test(arguments: PresenceKind.allCases)
    func `Of many reapers one hears of each dead node`(kind: PresenceKind) async throws {
        try await kind.withStores(8) { harness in
            let living = harness.record("living")
            let dead = (0..<5).map { harness.record("dead-\($0)", short: true) }
            for node in dead + [living] { try await harness.store.register(node, claiming: .shared) }
            for (number, node) in dead.enumerated() {
                let ghosts = (0...number).map { _ in harness.connection(on: node.id, user: "ann", groups: ["red"]) }
                #expect(try await harness.store.update(node.id, adding: ghosts, removing: []) == .held)
            }
            let real = (0..<3).map { _ in harness.connection(on: living.id, user: "ann", groups: ["red"]) }
            #expect(try await harness.store.update(living.id, adding: real, removing: []) == .held)
            try await harness.outlive(dead[0].leaseMilliseconds)

            let reaped = try await withThrowingTaskGroup(of: [ReapedNode].self) { group in
                for store in harness.stores { group.addTask { try await store.reap() } }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            #expect(reaped.map(\.name).sorted() == dead.map(\.name))
            #expect(reaped.sorted { $0.name < $1.name }.map(\.connections) == (1...5).map { [.default: $0] })

            // Nobody else's entries are touched.
            #expect(try await harness.store.nodes().map(\.record) == [living])
            #expect(try await harness.store.renew(living) == .held)
            let left = real.sorted { $0.id < $1.id }
            #expect(try await harness.all() == left)
            #expect(try await harness.all(user: "ann", group: "red") == left)
        }
    }

    @Test(arguments: PresenceKind.allCases)
    func `A node that is still registering is missing`(kind: PresenceKind) async throws {
        try await kind.withStores(2) { harness in
            var node = harness.record("many")
            let other = harness.record("other")
            let held = (0..<3).map { _ in harness.connection(on: node.id, user: "ann", groups: ["red"]) }
            let ann = [harness.connection(on: other.id, user: "ann")]
            node.registering = true
            for node in [node, other] { try await harness.store.register(node, claiming: .shared) }
            _ = try await harness.store.update(other.id, adding: ann, removing: [])
            _ = try await harness.store.update(node.id, adding: [held[0]], removing: [])

            let asker = harness.stores[1]
            // What is there already is listed.
            let page = try await asker.connections(ConnectionQuery(limit: 10))
            #expect(page.total == 2 && page.missing == ["many"])
            #expect(page.nodes == [node.id, other.id])
            for query in [
                ConnectionQuery(limit: 10, nodeName: "many"), ConnectionQuery(limit: 10, user: "ann"),
                ConnectionQuery(limit: 10, group: "red"), ConnectionQuery(limit: 10, user: "nobody"),
            ] {
                #expect(try await asker.connections(query).missing == ["many"])
            }
            let others = try await asker.connections(ConnectionQuery(limit: 10, nodeName: "other"))
            #expect(others.missing == [] && others.nodes == [node.id, other.id])
            #expect(try await asker.connection(held[0].id)?.record == held[0])
            await #expect(throws: PresenceError.self) { try await asker.connection(held[1].id) }

            _ = try await harness.store.update(node.id, adding: Array(held[1...]), removing: [])
            node.registering = false
            #expect(try await harness.store.renew(node) == .held)
            #expect(try await asker.connections(ConnectionQuery(limit: 10)).missing == [])
            #expect(try await asker.connection(held[1].id)?.record == held[1])
            #expect(try await asker.connection(.random(on: node.id)) == nil)
        }
    }

    @Test(arguments: PresenceKind.allCases)
    func `A frozen node comes back once with what is still open`(kind: PresenceKind) async throws {
        try await kind.withStores(2) { harness in
            let (frozen, other) = (harness.record("frozen", short: true), harness.record("other"))
            for node in [frozen, other] { try await harness.store.register(node, claiming: .shared) }
            let held = (0..<4).map { _ in harness.connection(on: frozen.id, groups: ["red"]) }
            let others = [harness.connection(on: other.id, groups: ["red"])]
            _ = try await harness.store.update(frozen.id, adding: held, removing: [])
            _ = try await harness.store.update(other.id, adding: others, removing: [])
            try await harness.outlive(frozen.leaseMilliseconds)
            #expect(try await harness.stores[1].reap().map(\.id) == [frozen.id])

            // What it does before it knows changes nothing.
            #expect(try await harness.store.update(frozen.id, adding: [held[3]], removing: [others[0].id]) == .lost)
            #expect(try await harness.store.renew(frozen) == .lost)
            #expect(try await harness.all() == others)

            let open = Array(held[1...])
            let longer = harness.record("frozen", id: frozen.id)
            try await harness.store.register(longer, claiming: .shared)
            #expect(try await harness.store.update(frozen.id, adding: open, removing: []) == .held)
            // An answer that was lost, and so the same again.
            #expect(try await harness.store.update(frozen.id, adding: open, removing: []) == .held)
            let expected = (open + others).sorted { $0.id < $1.id }
            #expect(try await harness.all() == expected)
            #expect(try await harness.all(group: "red") == expected)
            #expect(try await harness.store.nodes().map(\.connections) == [3, 1])
        }
    }

    @Test(arguments: PresenceKind.allCases)
    func `Who was reaped with connections hears of it until it renews`(kind: PresenceKind) async throws {
        try await kind.withStores(2) { harness in
            let (frozen, empty) = (harness.record("frozen", short: true), harness.record("empty", short: true))
            for node in [frozen, empty] {
                #expect(try await harness.store.register(node, claiming: .sole(dead: [])).wasReaped == false)
            }
            _ = try await harness.store.update(frozen.id, adding: harness.connections(2, on: frozen.id), removing: [])
            try await harness.outlive(frozen.leaseMilliseconds)
            // Expired, but nobody has been told.
            let longer = harness.record("empty", id: empty.id)
            #expect(try await harness.store.register(longer, claiming: .shared).wasReaped == false)
            #expect(try await harness.stores[1].reap().map(\.id) == [frozen.id])
            #expect(try await harness.store.register(longer, claiming: .shared).wasReaped == false)

            let back = harness.record("frozen", id: frozen.id)
            // An answer that was lost, and so the same again.
            for _ in 0..<2 { #expect(try await harness.store.register(back, claiming: .shared).wasReaped) }
            #expect(try await harness.store.renew(back) == .held)
            #expect(try await harness.store.register(back, claiming: .shared).wasReaped == false)
        }
    }

    @Test(arguments: PresenceKind.allCases)
    func `An update keeps the lease too`(kind: PresenceKind) async throws {
        try await kind.withStores(1) { harness in
            let node = harness.record("busy", short: true)
            try await harness.store.register(node, claiming: .sole(dead: []))
            for _ in 0..<2 {
                try await harness.outlive(node.leaseMilliseconds * 3 / 5)
                let connections = harness.connections(1, on: node.id)
                #expect(try await harness.store.update(node.id, adding: connections, removing: []) == .held)
            }
            let status = try #require(try await harness.store.nodes().first)
            #expect(!status.expired && status.leaseAge < .milliseconds(node.leaseMilliseconds / 2))
        }
    }

    @Test(arguments: PresenceKind.allCases)
    func `Who was reaped and goes leaves nothing`(kind: PresenceKind) async throws {
        try await kind.withStores(1) { harness in
            let node = harness.record("going", short: true)
            try await harness.store.register(node, claiming: .sole(dead: []))
            _ = try await harness.store.update(node.id, adding: harness.connections(2, on: node.id), removing: [])
            try await harness.outlive(node.leaseMilliseconds)
            #expect(try await harness.store.reap().map(\.connections) == [[.default: 2]])
            try await harness.store.unregister(node.id)
            #expect(try await harness.store.register(node, claiming: .sole(dead: [])).wasReaped == false)
        }
    }

    @Test(arguments: PresenceKind.allCases)
    func `Nodes whose entries are lost hear of it and bring them back`(kind: PresenceKind) async throws {
        try await kind.withStores(2) { harness in
            let nodes = [harness.record("a"), harness.record("b")]
            var records: [ConnectionRecord] = []
            for node in nodes {
                try await harness.store.register(node, claiming: .shared)
                let own = (0..<3).map { _ in harness.connection(on: node.id, user: "ann", groups: ["red"]) }
                _ = try await harness.store.update(node.id, adding: own, removing: [])
                records += own
            }
            try await harness.loseEverything()
            for node in nodes {
                #expect(try await harness.store.update(node.id, adding: Array(records[..<1]), removing: []) == .lost)
                #expect(try await harness.store.renew(node) == .lost)
            }
            #expect(try await harness.store.nodes().isEmpty)
            #expect(try await harness.all().isEmpty)
            for node in nodes {
                try await harness.store.register(node, claiming: .shared)
                let own = records.filter { $0.id.node == node.id }
                #expect(try await harness.store.update(node.id, adding: own, removing: []) == .held)
            }
            let expected = records.sorted { $0.id < $1.id }
            #expect(try await harness.all() == expected)
            #expect(try await harness.all(user: "ann", group: "red") == expected)
        }
    }
}
