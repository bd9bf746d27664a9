import TestSupport
import Testing
import VolaryBackplane
import VolaryProtocol

/// How every presence store finds connections by user and by group.
@Suite(.timeLimit(.minutes(2)))
struct PresenceFilterContractTests {
    @Test(arguments: PresenceKind.allCases)
    func `Every combination of filters gives exactly what it names`(kind: PresenceKind) async throws {
        try await kind.withStores(1) { harness in
            let users: [AudienceName?] = [nil, "ann", "bob", "nobody"]
            let groups: [AudienceName] = ["red", "green", "blue"]
            var everything: [ListedConnection] = []
            for (name, count) in [("a", 90), ("b", 40), ("c", 1)] {
                let node = harness.record(name)
                try await harness.store.register(node, claiming: .shared)
                let records = (0..<count).map { number in
                    harness.connection(
                        on: node.id,
                        user: users[number % 3],
                        groups: Set(groups.indices.filter { number >> $0 & 1 == 1 }.map { groups[$0] })
                    )
                }
                #expect(try await harness.store.update(node.id, adding: records, removing: []) == .held)
                everything += records.map { ListedConnection(record: $0, nodeName: name) }
            }
            everything.sort { $0.record.id < $1.record.id }
            for user in users {
                for group in groups + [nil, "grey"] {
                    for node in ["a", "b", nil] {
                        let expected = everything.filter { connection in
                            (user == nil || connection.record.user == user)
                                && (group.map { connection.record.groups.contains($0) } ?? true)
                                && (node == nil || connection.nodeName == node)
                        }
                        let context: Comment = "user \(user ?? "-"), group \(group ?? "-"), node \(node ?? "-")"
                        for limit in [3, 1000] {
                            let pages = try await harness.allPages(limit: limit, nodeName: node, user: user, group: group)
                            #expect(pages.flatMap(\.connections) == expected, context)
                            #expect(pages.allSatisfy { $0.total == expected.count && $0.missing.isEmpty }, context)
                            #expect(pages.dropLast().allSatisfy { $0.connections.count == limit && $0.hasMore }, context)
                        }
                    }
                }
            }
        }
    }

    @Test(arguments: PresenceKind.allCases)
    func `What is added again is found by what it is now`(kind: PresenceKind) async throws {
        try await kind.withStores(1) { harness in
            let node = harness.record("one")
            try await harness.store.register(node, claiming: .shared)
            let id = ConnectionID.random(on: node.id)
            let other = harness.connection(on: node.id, user: "ann", groups: ["red"])
            func record(_ user: AudienceName?, _ groups: Set<AudienceName>) -> ConnectionRecord {
                ConnectionRecord(id: id, protocol: "plain", connectedAt: 1, user: user, groups: groups)
            }
            func expectFound(_ expected: ConnectionRecord?) async throws {
                for user: AudienceName? in ["ann", "bob", nil] {
                    for group: AudienceName? in ["red", "green", nil] {
                        let query = ConnectionQuery(limit: 10, user: user, group: group)
                        let found = try await harness.store.connections(query)
                        let wanted = [expected, other].compactMap(\.self).filter { query.selects($0, on: "one") }
                        #expect(Set(found.connections.map(\.record)) == Set(wanted) && found.total == wanted.count)
                    }
                }
            }
            let stages = [
                record("ann", ["red"]), record("ann", ["red", "green"]), record("ann", ["green"]), record("bob", ["green"]),
                record(nil, ["green"]), record(nil, []), record("bob", []), record("ann", ["red"]),
            ]
            _ = try await harness.store.update(node.id, adding: [other], removing: [])
            for stage in stages {
                #expect(try await harness.store.update(node.id, adding: [stage], removing: []) == .held)
                try await expectFound(stage)
            }
            // Several times in one update: the last word counts.
            _ = try await harness.store.update(node.id, adding: stages.reversed() + [stages[1]], removing: [])
            try await expectFound(stages[1])
            _ = try await harness.store.update(node.id, adding: stages, removing: [id, id])
            try await expectFound(nil)
            #expect(try await harness.store.nodes().map(\.connections) == [1])
        }
    }

    @Test(arguments: PresenceKind.allCases)
    func `Names that begin alike are kept apart`(kind: PresenceKind) async throws {
        try await kind.withStores(1) { harness in
            let node = harness.record("one")
            try await harness.store.register(node, claiming: .shared)
            let longest = String(repeating: "~", count: AudienceName.maximumUnits)
            let texts =
                ["a", "A", "aa", "a-", "a.", "a_", "a~", "a@", "a:", "a+", "a=", "a0", "u", "g", "b", "-", longest]
                + AwkwardNames.all
            let names = texts.compactMap { AudienceName($0) }
            #expect(names.count == texts.count)
            let records = names.flatMap { name in
                [
                    harness.connection(on: node.id, user: name),
                    harness.connection(on: node.id, groups: [name]),
                    harness.connection(on: node.id, user: name, groups: [name]),
                ]
            }
            _ = try await harness.store.update(node.id, adding: records, removing: [])
            for (number, name) in names.enumerated() {
                let own = records[3 * number..<3 * number + 3].map(\.self)
                #expect(try await Set(harness.all(user: name)) == [own[0], own[2]], "user \(name)")
                #expect(try await Set(harness.all(group: name)) == [own[1], own[2]], "group \(name)")
                #expect(try await harness.all(user: name, group: name) == [own[2]], "both \(name)")
            }
        }
    }

    @Test(arguments: PresenceKind.allCases)
    func `A node takes its users and groups with it`(kind: PresenceKind) async throws {
        try await kind.withStores(1) { harness in
            let staying = harness.record("staying")
            try await harness.store.register(staying, claiming: .shared)
            let stayer = harness.connection(on: staying.id, user: "ann", groups: ["red"])
            _ = try await harness.store.update(staying.id, adding: [stayer], removing: [])

            func expectOnlyTheStayer(_ way: Comment) async throws {
                #expect(try await harness.all(user: "ann") == [stayer], way)
                #expect(try await harness.all(group: "red") == [stayer], way)
                #expect(try await harness.all(user: "ann", group: "red") == [stayer], way)
                #expect(try await harness.store.connections(ConnectionQuery(limit: 1, group: "red")).total == 1, way)
            }
            func fill(_ node: NodeRecord) async throws {
                try await harness.store.register(node, claiming: .shared)
                let leavers = (0..<3).map { _ in harness.connection(on: node.id, user: "ann", groups: ["red"]) }
                #expect(try await harness.store.update(node.id, adding: leavers, removing: []) == .held)
                #expect(try await harness.all(user: "ann", group: "red").count == 4)
            }
            let node = harness.record("leaving", short: true)
            try await fill(node)
            try await harness.store.unregister(node.id)
            try await expectOnlyTheStayer("unregistered")

            try await fill(node)
            try await harness.store.register(node, claiming: .shared)
            try await expectOnlyTheStayer("registered again")

            try await fill(node)
            try await harness.store.register(harness.record("leaving"), claiming: .sole(dead: [node.id]))
            try await expectOnlyTheStayer("replaced by its successor")

            try await fill(node)
            try await harness.outlive(node.leaseMilliseconds)
            try await expectOnlyTheStayer("expired")
            #expect(try await harness.store.connections(ConnectionQuery(limit: 9, user: "ann")).missing == ["leaving"])
            #expect(try await harness.store.reap().map(\.connections) == [[.default: 3]])
            try await expectOnlyTheStayer("reaped")
            // Nothing of it waits for who comes back under the id.
            try await harness.store.register(node, claiming: .shared)
            try await expectOnlyTheStayer("back under its id")
        }
    }

    @Test(arguments: PresenceKind.allCases)
    func `The largest update with the most groups is taken`(kind: PresenceKind) async throws {
        try await kind.withStores(1) { harness in
            let node = harness.record("one")
            try await harness.store.register(node, claiming: .shared)
            let groups = Set((0..<GroupLimits.standard.groups).compactMap { AudienceName("group-\($0)") })
            let records = (0..<PresenceLimits.connectionsPerUpdate).map { _ in
                harness.connection(on: node.id, user: "ann", groups: groups)
            }
            func total(_ group: AudienceName) async throws -> Int {
                try await harness.store.connections(ConnectionQuery(limit: 1, user: "ann", group: group)).total
            }
            #expect(try await harness.store.update(node.id, adding: records, removing: []) == .held)
            for group in groups { #expect(try await total(group) == records.count) }
            let newcomer = harness.connection(on: node.id, user: "ann", groups: groups)
            let leaving = records.dropFirst().map(\.id)
            #expect(try await harness.store.update(node.id, adding: [newcomer], removing: leaving) == .held)
            for group in groups { #expect(try await total(group) == 2) }
            #expect(try await Set(harness.all(group: "group-7")) == [records[0], newcomer])
        }
    }
}
