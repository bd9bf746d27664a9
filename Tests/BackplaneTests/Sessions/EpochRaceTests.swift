import Testing
import VolaryProtocol

@testable import VolaryBackplane

/// Races R16 to R19: the store goes back to an earlier state.
struct EpochRaceTests {
    private let group = Race.group

    @Test(arguments: SessionStoreKind.allCases) func `R16 A number that is given again is of another epoch`(
        kind: SessionStoreKind
    ) async throws {
        try await Race.check(on: kind, without: .epochByProcess, nodes: 3) { world in
            let client = await world.attachedClient(at: 0)
            await world.stallReplica()
            await world.publishNow("m1", to: .all, at: 1)
            await world.run(client, at: 0)
            await world.promoteReplica()
            await world.kill(1)
            await world.publishNow("m2", to: .all, at: 2)
        }
    }

    @Test(arguments: SessionStoreKind.allCases) func `R17 A sweep looks for a new epoch before it takes a number`(
        kind: SessionStoreKind
    ) async throws {
        try await Race.check(on: kind, without: .enterFirst, nodes: 3) { world in
            let client = await world.attachedClient(at: 0)
            _ = await world.attachedClient(at: 1)
            await world.kill(1)
            await world.sweep(2)
            await world.stallReplica()
            await world.publishNow("m1", to: .all, at: 0)
            await world.run(client, at: 0)
            let requests = world.nodes[2].requests
            await world.promoteReplica()
            world.nodes[2].requests = requests
            await world.executeAll(2)
            world.nodes[0].journal = OperationJournal(messages: 0)
            await world.publishNow("m2", to: .all, at: 2)
        }
    }

    /// Each of two rules alone suffices.
    @Test(arguments: SessionStoreKind.allCases) func `R18 A claim that was lost by a promotion is not valid`(
        kind: SessionStoreKind
    ) async throws {
        for rules: SessionRules in [[], .fenceByPosition, .claimsRaiseHighest, [.fenceByPosition, .claimsRaiseHighest]]
        where kind.canRemove(rules) {
            let world = try await SessionWorld(on: kind, rules: .all.subtracting(rules), nodes: 3)
            let client = await world.attachedClient(at: 0)
            let id = world.clients[client].id
            await world.stallReplica()
            world.leaveHalfOpen(client)
            await world.claim(client, at: 1)
            await world.run(client, at: 1)
            await world.kill(0)
            await world.promoteReplica()
            await world.sweep(2)
            await world.executeAll(2)
            for _ in 0..<3 { await world.drain(1) }
            await world.faults.close()
            let isFollowed = world.nodes[1].follower.sessions[id]?.phase == .following
            #expect(isFollowed == (rules == [.fenceByPosition, .claimsRaiseHighest]))
        }
    }

    /// Each of two rules alone suffices.
    @Test(arguments: SessionStoreKind.allCases) func `R19 An answer to a repeated operation counts as observed`(
        kind: SessionStoreKind
    ) async throws {
        try await Race.check(on: kind, without: [.answersRaiseHighest, .toldLosses], journalLimit: 0) { world in
            let client = await world.attachedClient(at: 0)
            await world.stallReplica()
            world.sends(client, "m", to: .group(group))
            world.readAll(client)
            await world.executeAll(0)
            world.nodes[0].loseCommands()
            await world.executeAll(0)
            await world.answer(0)
            world.receiveAll(client)
            await world.promoteReplica()
        }
    }

    /// Not in the specification: two promotions, of which a frozen owner learns at once.
    @Test(arguments: SessionStoreKind.allCases) func `An owner that slept through an epoch is judged by that one too`(
        kind: SessionStoreKind
    ) async throws {
        try await Race.check(on: kind, without: .everyBase) { world in
            let client = await world.attachedClient(at: 0)
            await world.stallReplica()
            await world.publishNow("m1", to: .all, at: 1)
            await world.run(client, at: 0)
            world.nodes[0].isFrozen = true
            world.mayLoseConfirmed = true
            world.nodes[1].journal = OperationJournal(messages: 0)
            await world.promoteReplica()
            await world.publishNow("m2", to: .all, at: 1)
            await world.drain(1)
            await world.stallReplica()
            await world.promoteReplica()
            await world.publishNow("m3", to: .all, at: 1)
        }
    }

    /// Not in the specification: nobody is left who publishes again what the promoted replica lacks.
    @Test(arguments: SessionStoreKind.allCases) func `Whoever was cut off is told what other nodes know to be lost`(
        kind: SessionStoreKind
    ) async throws {
        for rules: SessionRules in [[], .toldLosses] {
            let world = try await SessionWorld(on: kind, rules: .all.subtracting(rules), nodes: 3)
            let (cutOff, other) = (
                await world.attachedClient(at: 0, groups: [group]), await world.attachedClient(at: 2, groups: [group])
            )
            await world.stallReplica()
            world.nodes[0].isFrozen = true
            await world.publishNow("m1", to: .group(group), at: 1)
            await world.run(other, at: 2)
            await world.kill(1)
            await world.promoteReplica()
            #expect(await world.finish() == [])
            await world.faults.close()
            #expect(!world.clients[other].isLive)
            #expect(world.clients[cutOff].isLive == (rules == .toldLosses))
        }
    }

    @Test(arguments: SessionStoreKind.allCases) func `What the promoted replica lacks is published again by its node`(
        kind: SessionStoreKind
    ) async throws {
        try await Race.check(on: kind) { world in
            let client = await world.attachedClient(at: 0)
            await world.detach(client, from: 0)
            await world.stallReplica()
            await world.publishNow("m1", to: .all, at: 1)
            await world.drain(1)
            await world.promoteReplica()
            await world.publishNow("m2", to: .all, at: 1)
            await world.drain(1)
            if world.ghost.count(of: "m1") != 1 { world.violations.append("m1 was lost") }
        }
    }

    @Test(arguments: SessionStoreKind.allCases) func `A deleted head ends the sessions that observed anything`(
        kind: SessionStoreKind
    ) async throws {
        let world = try await SessionWorld(on: kind)
        let client = await world.attachedClient(at: 0)
        await world.publishNow("m1", to: .all, at: 1)
        await world.run(client, at: 0)
        await world.deleteHead()
        let violations = await world.finish()
        #expect(violations == [])
        #expect(world.clients[client].state == .ended)
        await world.faults.close()
    }
}
