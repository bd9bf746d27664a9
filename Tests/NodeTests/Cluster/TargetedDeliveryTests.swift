import NIOConcurrencyHelpers
import NIOCore
import TestSupport
import Testing
import VolaryProtocol

@testable import VolaryNode

/// What goes to some needs only their event loops.
@Suite
struct TargetedDeliveryTests {
    @Test func `A push to one connection or to a group on one loop is delivered and receipted while all other loops stand still`()
        async throws
    {
        try await Loops.with(4) { loops in
            let ids = try await loops.connect(8)
            let (manager, one) = (loops.manager, ids[2])
            let group = try #require(AudienceName("g"))
            _ = await manager.onShard(of: one) { shard, connection in shard.join(connection, group) }
            let parts = DeliveryHarness.parts(manager)
            let gate = ConditionLock(value: 0)
            let others = manager.shards.filter { $0 !== manager.shard(of: one) }
            #expect(others.count == 3)
            for shard in others {
                shard.eventLoop.execute {
                    gate.lock(whenValue: 1)
                    gate.unlock()
                }
            }
            defer {
                gate.lock()
                gate.unlock(withValue: 1)
            }

            var expected: [NodeMessage] = []
            for (text, audience) in [("to one", Audience.connection(one)), ("to a group", .group(group))] {
                let id = PublicationID.random(on: DeliveryHarness.origin)
                expected.append(.receipts([Receipt(id: id, connections: 1)]))
                parts.delivery.receive([DeliveryHarness.envelope(text, id: id, to: audience, confirmation: .routed)])
                #expect(await eventually { parts.broker.published.map(\.message) == expected })
            }
            #expect(await loops.frames(of: one, atLeast: 2) == ["to one", "to a group"].map(DeliveryHarness.binary))
            for id in ids where id != one { #expect(loops.client(of: id)?.frames == []) }
        }
    }
}
