import NIOConcurrencyHelpers
import TestSupport
import Testing
import VolaryBackplane
import VolaryProtocol

/// What a walk over the pages of any presence store gives while connections come and go.
@Suite(.timeLimit(.minutes(2)))
struct PresenceWalkContractTests {
    @Test(arguments: PresenceKind.allCases)
    func `A walk gives what stays exactly once while others come and go`(kind: PresenceKind) async throws {
        try await kind.withStores(4) { harness in
            let nodes = (0..<3).map { harness.record("node-\($0)") }
            var staying: [ConnectionRecord] = []
            for node in nodes {
                try await harness.store.register(node, claiming: .shared)
                let own = (0..<60).map { _ in harness.connection(on: node.id, user: "ann", groups: ["red"]) }
                _ = try await harness.store.update(node.id, adding: own, removing: [])
                staying += own
            }
            let stayers = staying.map(\.id).sorted()
            let updates = NIOLockedValueBox(0)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for (number, node) in nodes.enumerated() {
                    let own = staying.filter { $0.id.node == node.id }
                    group.addTask {
                        try await Self.churn(node.id, staying: own, harness, store: harness.stores[1 + number], updates)
                    }
                }
                defer { group.cancelAll() }
                let filters: [(user: AudienceName?, group: AudienceName?)] = [
                    (nil, nil), ("ann", nil), (nil, "red"), ("ann", "red"),
                ]
                for filter in filters {
                    var overlapping = 0
                    let enough = try await eventually(within: .seconds(20)) {
                        let before = updates.withLockedValue { $0 }
                        let pages = try await harness.allPages(limit: 7, user: filter.user, group: filter.group)
                        if updates.withLockedValue({ $0 }) > before { overlapping += 1 }
                        let ids = pages.flatMap(\.connections).map(\.record.id)
                        #expect(zip(ids, ids.dropFirst()).allSatisfy { $0 < $1 }, "in order, nobody twice")
                        #expect(ids.filter(Set(stayers).contains) == stayers, "all who stay")
                        return overlapping >= 3
                    }
                    #expect(enough, "others come and go during the walk")
                }
            }
        }
    }

    /// Adds and removes connections until cancelled, and changes the groups of those that stay.
    private static func churn(
        _ node: NodeID,
        staying: [ConnectionRecord],
        _ harness: PresenceHarness,
        store: any PresenceStore,
        _ updates: NIOLockedValueBox<Int>
    ) async throws {
        var present: [ConnectionID] = []
        while !Task.isCancelled {
            let coming = (0..<20).map { _ in harness.connection(on: node, user: "ann", groups: ["red"]) }
            let changed = staying.shuffled().prefix(10).map { record in
                ConnectionRecord(
                    id: record.id,
                    protocol: record.protocol,
                    connectedAt: record.connectedAt,
                    user: record.user,
                    groups: ["red", Bool.random() ? "green" : "blue"]
                )
            }
            #expect(try await store.update(node, adding: coming + changed, removing: present) == .held)
            updates.withLockedValue { $0 += 1 }
            present = coming.map(\.id)
            await Task.yield()
        }
    }
}
