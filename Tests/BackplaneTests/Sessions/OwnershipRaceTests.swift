import Testing
import VolaryProtocol

@testable import VolaryBackplane

/// Races R4, R5, R8, R21 and R22: former owners, and sweeps that come late.
struct OwnershipRaceTests {
    private let group = Race.group

    @Test(arguments: SessionStoreKind.allCases) func `R4 A former owner that notices the cut late does not detach the session`(kind: SessionStoreKind) async throws {
        try await Race.check(on: kind, without: .fencedDetach) { world in
            let client = await world.attachedClient(at: 0)
            world.leaveHalfOpen(client)
            await world.claim(client, at: 1)
            await world.run(client, at: 1)
            world.nodes[0].connections[world.clients[client].id]?.isCut = true
            world.proceed(0)
            await world.executeAll(0)
            world.advance(61_000)
            await world.sweep(1)
            await world.executeAll(1)
            world.sends(client, "m", to: .all)
        }
    }

    @Test(arguments: SessionStoreKind.allCases) func `R5 A frozen owner's acknowledgement does not prune what the next one counts`(kind: SessionStoreKind) async throws {
        try await Race.check(on: kind, without: .fencedAcknowledgement) { world in
            let client = await world.attachedClient(at: 0, groups: [group])
            await world.publishNow("m1", to: .group(group), at: 1)
            await world.publishNow("m2", to: .group(group), at: 1)
            await world.run(client, at: 0)
            world.clients[client].say { .leave($0, group) }
            await world.run(client, at: 0)
            await world.publishNow("m3", to: .all, at: 1)
            await world.run(client, at: 0)
            world.acknowledge(client)
            world.readAll(client)
            world.storeCheckpoints(0)
            world.leaveHalfOpen(client)
            await world.claim(client, at: 1)
            await world.executeAll(0)
        }
    }

    @Test(arguments: SessionStoreKind.allCases) func `R8 An owner that wakes with unread input changes nothing`(kind: SessionStoreKind) async throws {
        try await Race.check(on: kind, without: .fencedWrites) { world in
            let client = await world.attachedClient(at: 0)
            world.sends(client, "m", to: .all)
            world.clients[client].say { .join($0, group) }
            world.leaveHalfOpen(client)
            world.nodes[0].isFrozen = true
            await world.claim(client, at: 1)
            world.nodes[0].isFrozen = false
            world.proceed(0)
            await world.executeAll(0)
        }
    }

    @Test(arguments: SessionStoreKind.allCases) func `R21 A sweep does not remove a session that was claimed meanwhile`(kind: SessionStoreKind) async throws {
        try await Race.check(on: kind, without: .comparedSweep) { world in
            let client = await world.attachedClient(at: 0)
            await world.detach(client, from: 0)
            world.advance(61_000)
            await world.sweep(1)
            await world.claim(client, at: 0)
            await world.run(client, at: 0)
            await world.executeAll(1)
            world.sends(client, "m", to: .all)
        }
    }

    @Test(arguments: SessionStoreKind.allCases) func `R21 A sweep does not take a session that was claimed meanwhile`(kind: SessionStoreKind) async throws {
        try await Race.check(on: kind, without: .comparedSweep, nodes: 3) { world in
            let client = await world.attachedClient(at: 0)
            await world.kill(0)
            await world.sweep(2)
            await world.claim(client, at: 1)
            await world.run(client, at: 1)
            await world.executeAll(2)
            world.sends(client, "m", to: .all)
            await world.run(client, at: 1)
            if world.clients[client].state != .connected || !world.clients[client].unanswered.isEmpty {
                world.violations.append("the session was taken from a living owner")
            }
        }
    }

    @Test(arguments: SessionStoreKind.allCases) func `R22 An owner killed after publishing has remembered the acknowledged id`(kind: SessionStoreKind) async throws {
        try await Race.check(on: kind, without: .rememberedAcknowledgements) { world in
            let client = await world.attachedClient(at: 0)
            world.sends(client, "m", to: .all)
            world.readAll(client)
            await world.kill(0, executing: 1)
        }
    }

    @Test(arguments: SessionStoreKind.allCases) func `R22 An owner killed before publishing leaves it to the next one`(kind: SessionStoreKind) async throws {
        try await Race.check(on: kind) { world in
            let client = await world.attachedClient(at: 0)
            world.sends(client, "m", to: .all)
            world.readAll(client)
            await world.kill(0)
        }
    }
}
