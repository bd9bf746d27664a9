import Testing
import VolaryProtocol

@testable import VolaryBackplane

/// Races R3, R13, R14, R20 and R23: where a replay begins and ends, and what is missing on the way.
struct ReplayRaceTests {
    private let group = Race.group

    @Test(arguments: SessionStoreKind.allCases) func `R3 A replay ends at the number read after the last subscription`(kind: SessionStoreKind) async throws {
        try await Race.check(on: kind, without: .endAfterConfirmation) { world in
            let client = await world.attachedClient(at: 0, groups: [group])
            await world.detach(client, from: 0)
            await world.claim(client, at: 1)
            await world.executeAll(1)
            await world.answer(1)
            await world.publishNow("m", to: .group(group), at: 0)
            await world.subscribe(1)
        }
    }

    @Test(arguments: SessionStoreKind.allCases) func `R13 What is trimmed between claim and read is no hole`(kind: SessionStoreKind) async throws {
        try await Race.check(on: kind, without: .startMarks, permitting: .trimming) { world in
            let client = await world.attachedClient(at: 0)
            await world.detach(client, from: 0)
            await world.publishNow("m1", to: .all, at: 0)
            await world.claim(client, at: 1)
            world.advance(301_000)
            await world.publishNow("m2", to: .all, at: 0)
        }
    }

    @Test(arguments: SessionStoreKind.allCases) func `R14 A log that expired as a whole is not an empty one`(kind: SessionStoreKind) async throws {
        try await Race.check(on: kind, without: .floor, permitting: .trimming) { world in
            let client = await world.attachedClient(at: 0, groups: [group])
            await world.publishNow("m1", to: .group(group), at: 1)
            await world.run(client, at: 0)
            world.advance(320_000)
            await world.publishNow("m2", to: .all, at: 1)
            world.advance(11_000)
            await world.detach(client, from: 0)
            await world.claim(client, at: 1)
        }
    }

    @Test(arguments: SessionStoreKind.allCases) func `R20 An entry that the link lost in silence is noticed`(kind: SessionStoreKind) async throws {
        try await Race.check(on: kind, without: .linkCheck, permitting: .lostEntries) { world in
            let client = await world.attachedClient(at: 0, groups: [group])
            await world.publishNow("m1", to: .group(group), at: 1)
            await world.run(client, at: 0)
            world.nodes[0].link.loseNextEntry()
            await world.publishNow("m2", to: .group(group), at: 1)
            await world.publishNow("m3", to: .all, at: 1)
            await world.publishNow("m4", to: .group(group), at: 1)
        }
    }

    @Test(arguments: SessionStoreKind.allCases) func `R20 Whoever was sent nothing since the lost entry reads it`(kind: SessionStoreKind) async throws {
        try await Race.check(on: kind, without: .linkCheck) { world in
            let client = await world.attachedClient(at: 0, groups: [group])
            await world.publishNow("m1", to: .group(group), at: 1)
            await world.run(client, at: 0)
            world.nodes[0].link.loseNextEntry()
            await world.publishNow("m2", to: .group(group), at: 1)
            await world.publishNow("m3", to: .group(group), at: 1)
        }
    }

    @Test(arguments: SessionStoreKind.allCases) func `R20 A lost entry without a successor is noticed by comparison`(kind: SessionStoreKind) async throws {
        try await Race.check(on: kind, without: .linkCheck) { world in
            let client = await world.attachedClient(at: 0, groups: [group])
            await world.publishNow("m1", to: .group(group), at: 1)
            await world.run(client, at: 0)
            world.nodes[0].link.loseNextEntry()
            await world.publishNow("m2", to: .group(group), at: 1)
        }
    }

    @Test(arguments: SessionStoreKind.allCases) func `R23 What arrives during a read is held`(kind: SessionStoreKind) async throws {
        try await Race.check(on: kind, without: .heldArrivals) { world in
            let client = await world.attachedClient(at: 0, groups: [group])
            await world.detach(client, from: 0)
            await world.claim(client, at: 1)
            await world.subscribe(1)
            world.hear(1)
            await world.executeAll(1)
            await world.publishNow("m", to: .group(group), at: 0)
            for _ in 0..<4 { world.hear(1) }
            await world.answer(1)
        }
    }
}
