import Testing
import VolaryProtocol

@testable import VolaryBackplane

/// Races R9, R10 and R11: answers are lost, operations repeated.
struct RepetitionRaceTests {
    private let group = Race.group

    @Test(arguments: SessionStoreKind.allCases) func `R9 A publication that is repeated after a lost answer comes once`(kind: SessionStoreKind) async throws {
        try await Race.check(on: kind, without: .once) { world in
            _ = await world.attachedClient(at: 0)
            await world.publishNow("m", to: .all, at: 1)
            world.nodes[1].loseCommands()
        }
    }

    @Test(arguments: SessionStoreKind.allCases) func `R9 A client's publication that is repeated after a lost answer comes once`(kind: SessionStoreKind) async throws {
        try await Race.check(on: kind, without: [.once, .rememberedAcknowledgements]) { world in
            let client = await world.attachedClient(at: 0)
            world.sends(client, "m", to: .all)
            world.readAll(client)
            await world.executeAll(0)
            world.nodes[0].loseCommands()
        }
    }

    @Test(arguments: SessionStoreKind.allCases) func `R10 The first copy of a repeated join changes nothing after the leave`(kind: SessionStoreKind) async throws {
        try await Race.check(on: kind, without: .once) { world in
            let client = await world.attachedClient(at: 0)
            world.change(.joined(group), of: client, at: 1)
            world.nodes[1].loseCommands()
            await world.drain(1)
            world.change(.left(group), of: client, at: 1)
            await world.drain(1)
            await world.executeStale(1)
            if world.ghost.isMember(world.clients[client].id, of: group) { world.violations.append("member again") }
        }
    }

    @Test(arguments: SessionStoreKind.allCases) func `R11 A refusal whose answer was lost is not taken for success`(kind: SessionStoreKind) async throws {
        try await Race.check(on: kind, without: .rememberedRefusals, permitting: .lostHistory) { world in
            let client = await world.attachedClient(at: 0)
            await world.stallReplica()
            await world.promoteReplica()
            world.sends(client, "m", to: .all)
            world.readAll(client)
            await world.publishNow("other", to: .all, at: 0)
            world.nodes[0].loseCommands()
        }
    }
}
