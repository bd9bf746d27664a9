import Testing
import VolaryProtocol

@testable import VolaryBackplane

/// Races R1, R2, R6, R7, R12 and R15: who is a member at a number, and in which order numbers are looked at.
struct MembershipRaceTests {
    private let group = Race.group

    @Test(arguments: SessionStoreKind.allCases) func `R1 A publication that arrives before the answer of the join is delivered`(
        kind: SessionStoreKind
    ) async throws {
        try await Race.check(on: kind, without: .effectAtControlEntry) { world in
            let client = await world.attachedClient(at: 0)
            world.clients[client].say { .join($0, group) }
            world.readAll(client)
            await world.subscribe(0)
            world.hear(0)
            await world.executeAll(0)
            await world.publishNow("m", to: .group(group), at: 1)
            for _ in 0..<4 { world.hear(0) }
            await world.answer(0)
        }
    }

    @Test(arguments: SessionStoreKind.allCases) func `R2 Nothing is missed between a join and the subscription`(
        kind: SessionStoreKind
    ) async throws {
        try await Race.check(on: kind, without: [.subscribeBeforeJoin, .catchUpNewTopics]) { world in
            let client = await world.attachedClient(at: 0)
            world.clients[client].say { .join($0, group) }
            world.readAll(client)
            await world.executeAll(0)
            await world.publishNow("m", to: .group(group), at: 1)
        }
    }

    @Test(arguments: SessionStoreKind.allCases)
    func `R2 Nothing is missed between a join through another node and the subscription`(kind: SessionStoreKind) async throws {
        try await Race.check(on: kind, without: .catchUpNewTopics) { world in
            let client = await world.attachedClient(at: 0)
            world.change(.joined(group), of: client, at: 1)
            await world.executeAll(1)
            await world.publishNow("m", to: .group(group), at: 1)
        }
    }

    @Test(arguments: SessionStoreKind.allCases) func `R6 The owner learns of a join through another node`(
        kind: SessionStoreKind
    ) async throws {
        try await Race.check(on: kind, without: .controlEntries) { world in
            let client = await world.attachedClient(at: 0)
            world.change(.joined(group), of: client, at: 1)
            await world.settle()
            world.publish(world.publication("m", to: .group(group)), at: 1)
        }
    }

    @Test(arguments: SessionStoreKind.allCases) func `R6 The owner learns of a leave through another node`(
        kind: SessionStoreKind
    ) async throws {
        try await Race.check(on: kind, without: .controlEntries) { world in
            let client = await world.attachedClient(at: 0, groups: [group])
            world.change(.left(group), of: client, at: 1)
            await world.settle()
            world.publish(world.publication("m", to: .group(group)), at: 1)
        }
    }

    @Test(arguments: SessionStoreKind.allCases) func `R7 What was sent before a leave keeps its number`(
        kind: SessionStoreKind
    ) async throws {
        try await Race.check(on: kind, without: .keptIntervals) { world in
            let client = await world.attachedClient(at: 0, groups: [group])
            await world.publishNow("m1", to: .group(group), at: 1)
            await world.run(client, at: 0)
            world.clients[client].say { .leave($0, group) }
            await world.run(client, at: 0)
            await world.detach(client, from: 0)
            await world.publishNow("m2", to: .all, at: 1)
            await world.claim(client, at: 1)
        }
    }

    @Test(arguments: SessionStoreKind.allCases) func `R7 What was sent before a leave and a join keeps its number`(
        kind: SessionStoreKind
    ) async throws {
        try await Race.check(on: kind, without: .keptIntervals) { world in
            let client = await world.attachedClient(at: 0, groups: [group])
            await world.publishNow("m1", to: .group(group), at: 1)
            await world.run(client, at: 0)
            world.clients[client].say { .leave($0, group) }
            await world.run(client, at: 0)
            await world.publishNow("not for it", to: .group(group), at: 1)
            world.clients[client].say { .join($0, group) }
            await world.run(client, at: 0)
            await world.detach(client, from: 0)
            await world.publishNow("m2", to: .group(group), at: 1)
            await world.claim(client, at: 1)
        }
    }

    @Test(arguments: SessionStoreKind.allCases) func `R12 A replay merges topics by number`(kind: SessionStoreKind) async throws {
        try await Race.check(on: kind, without: .mergedPages) { world in
            let client = await world.attachedClient(at: 0, groups: [group])
            await world.detach(client, from: 0)
            await world.publishNow("m1", to: .all, at: 1)
            await world.publishNow("m2", to: .group(group), at: 1)
            await world.claim(client, at: 1)
        }
    }

    @Test(arguments: SessionStoreKind.allCases) func `R15 An expired publication uses up its number`(
        kind: SessionStoreKind
    ) async throws {
        try await Race.check(on: kind, without: .expiredCount) { world in
            let client = await world.attachedClient(at: 0)
            await world.publishNow("m1", to: .all, at: 1, secondsToLive: 1)
            await world.run(client, at: 0)
            await world.detach(client, from: 0)
            world.advance(2000)
            await world.publishNow("m2", to: .all, at: 1)
            await world.claim(client, at: 1)
        }
    }

    @Test(arguments: SessionStoreKind.allCases) func `R15 A filter sees the groups of the publication's number`(
        kind: SessionStoreKind
    ) async throws {
        try await Race.check(on: kind, without: .filterAtNumber) { world in
            let client = await world.attachedClient(at: 0, groups: [group])
            await world.publishNow("m1", to: .all, at: 1, filter: .isMember(group))
            await world.run(client, at: 0)
            world.clients[client].say { .leave($0, group) }
            await world.run(client, at: 0)
            await world.detach(client, from: 0)
            await world.publishNow("m2", to: .all, at: 1)
            await world.claim(client, at: 1)
        }
    }
}
