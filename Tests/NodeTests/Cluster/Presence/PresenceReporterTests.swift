import Logging
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import ServiceLifecycle
import TestSupport
import Testing
import VolaryBackplane
import VolaryProtocol

@testable import VolaryNode

/// A node keeps its part of the presence store.
@Suite
struct PresenceReporterTests {
    private func run(
        isNamed: Bool = true,
        awaitsSubscription: Bool = false,
        isRefused: Bool = false,
        before: (PresenceHarness) async throws -> Void = { _ in },
        _ body: (PresenceHarness) async throws -> Void
    ) async throws {
        try await Loops.with(2, node: .random()) { loops in
            let harness = PresenceHarness(loops, isNamed: isNamed, awaitsSubscription: awaitsSubscription)
            try await before(harness)
            let group = ServiceGroup(
                configuration: ServiceGroupConfiguration(services: [harness.keeper], logger: .quiet)
            )
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask { try await group.run() }
                if !awaitsSubscription, !isRefused { #expect(await eventually { harness.keeper.health == .up }) }
                try await body(harness)
                await group.triggerGracefulShutdown()
                try await tasks.waitForAll()
            }
        }
    }

    @Test func `It registers, and lists what opens and what closes, without waiting for a beat`() async throws {
        try await self.run { node in
            #expect(node.store.calls.claim == .sole(dead: []))
            let ids = try await node.connect(3)
            #expect(await eventually { await node.listed == Set(ids) })
            await node.disconnect(ids[0])
            #expect(await eventually { await node.listed == Set(ids.dropFirst()) })
            #expect(Set(node.broker.texts.prefix(3)) == Set(ids.map { "Client \($0.short) joined." }))
            #expect(await eventually { node.broker.texts.dropFirst(3) == ["Client \(ids[0].short) left."] })
            #expect(node.clock.now.elapsed == .zero)
        }
    }

    private static func namesake(_ node: PresenceHarness, _ name: String = "own") async throws -> NodeID {
        let record = PresenceHarness.record(.random(), name)
        try await node.outside.register(record, claiming: .shared)
        return record.id
    }

    @Test func `Of a predecessor that does not answer it takes the name at once`() async throws {
        let before = { (node: PresenceHarness) in _ = try await Self.namesake(node) }
        try await self.run(before: before) { node in
            let nodes = try await node.outside.nodes()
            #expect(nodes.map(\.record.id) == [node.record.id])
            #expect(node.probes.withLockedValue { $0 } == 1 && node.store.calls.register == 2)
        }
    }

    @Test func `Where another that lives has the name that it was given, it does not register, and says so`() async throws {
        let kept = KeptHarness()
        let before = { (node: PresenceHarness) in
            let twin = try await Self.namesake(node)
            node.living.withLockedValue { _ = $0.insert(twin) }
        }
        try await self.run(isRefused: true, before: before) { node in
            #expect(await eventually { node.refusals.withLockedValue { $0 } == 1 })
            #expect(node.keeper.health == .down(reason: "--node-name \"own\": another living node has this name"))
            let ids = try await node.connect(1)
            // Nobody waits for it.
            await node.keeper.flushed()
            for _ in 0..<3 { await node.clock.advanceOneBeat() }
            #expect(node.store.calls.register == 1 && node.refusals.withLockedValue { $0 } == 1)
            #expect(try await node.outside.nodes().map(\.record.name) == ["own"])
            #expect(await node.listed.isDisjoint(with: ids))
            kept.harness = node
        }
        let node = try #require(kept.harness)
        #expect(try await node.outside.nodes().count == 1)
    }

    @Test func `A name that was made gets the first number that no living node has, and all of the node goes by it`() async throws
    {
        let before = { (node: PresenceHarness) in
            for name in ["own", "own-2"] {
                let twin = try await Self.namesake(node, name)
                node.living.withLockedValue { _ = $0.insert(twin) }
            }
            // A predecessor's.
            _ = try await Self.namesake(node, "own-3")
        }
        try await self.run(isNamed: false, before: before) { node in
            func names() async throws -> [String] { try await node.outside.nodes().map(\.record.name) }
            let before = try await names()
            #expect(before == ["own", "own-2", "own-3"])
            #expect(node.directory.own.record.name == "own-3")
            #expect(node.directory.name(of: node.record.id) == "own-3")
            for _ in 0..<3 { await node.beat() }
            let after = try await names()
            #expect(after == before)
            #expect(node.refusals.withLockedValue { $0 } == 0)
        }
    }

    @Test func `It registers once others can ask it, and until then nobody waits for it`() async throws {
        try await self.run(awaitsSubscription: true) { node in
            await node.keeper.flushed()
            await node.clock.advanceOneBeat()
            #expect(node.store.calls.register == 0 && node.keeper.health != .up)
            node.keeper.subscribed()
            #expect(await eventually { node.keeper.health == .up })
            #expect(node.store.calls.register == 1)
        }
    }

    @Test func `Graceful shutdown takes the node and its connections out`() async throws {
        let kept = KeptHarness()
        try await self.run { node in
            _ = try await node.connect(2)
            #expect(await eventually { await node.listed.count == 2 })
            kept.harness = node
        }
        let node = try #require(kept.harness)
        #expect(try await node.outside.nodes().isEmpty)
        #expect(await node.listed.isEmpty)
        #expect(node.store.calls.unregister == 1)
    }

    @Test func `The lease is renewed at every beat, and so never expires`() async throws {
        try await self.run { node in
            for _ in 0..<12 {
                await node.beat()
                let nodes = try await node.outside.nodes()
                #expect(nodes.map(\.expired) == [false])
            }
            #expect(node.clock.now.elapsed > .seconds(10))
            #expect(node.store.calls.register == 1)
        }
    }

    /// Every update takes 300 ms and finds another connection opened by its end; 20 s of it.
    private func underSteadyComing(_ body: (PresenceHarness) async throws -> Void) async throws {
        try await self.run { node in
            let start = node.clock.now.elapsed
            node.store.duringUpdates { [clock = node.clock, keeper = node.keeper, id = node.record.id] in
                guard clock.now.elapsed - start < .seconds(20) else { return }
                clock.advance(by: .milliseconds(300))
                keeper.opened(ConnectionRecord(id: .random(on: id), protocol: "plain", connectedAt: 0))
            }
            try await body(node)
            #expect(await eventually { node.clock.now.elapsed - start >= .seconds(20) })
        }
    }

    @Test func `However steadily connections come, the lease is renewed and the dead are removed`() async throws {
        try await self.underSteadyComing { node in
            let dead = PresenceHarness.record(NodeID(rawValue: 77), "dead")
            try await node.outside.register(dead, claiming: .sole(dead: []))
            _ = try await node.connect(1)
            #expect(await eventually { node.store.calls.update >= 60 })
            #expect(node.store.calls.register == 1)
            #expect(try await node.outside.nodes().map(\.record.name) == ["own"])
            #expect(node.keeper.health == .up)
        }
    }

    @Test func `However steadily connections come, who waits for what was before is told, and a drain is`() async throws {
        let isTold = NIOLockedValueBox(false)
        try await self.run { node in
            let isOver = NIOLockedValueBox(false)
            node.store.duringUpdates { [keeper = node.keeper, id = node.record.id, store = node.store] in
                guard !isOver.withLockedValue({ $0 }) else { return }
                if store.calls.update == 5 {
                    keeper.beginDraining()
                    Task {
                        await keeper.flushed()
                        isTold.withLockedValue { $0 = true }
                    }
                }
                keeper.opened(ConnectionRecord(id: .random(on: id), protocol: "plain", connectedAt: 0))
                await Task.yield()
            }
            _ = try await node.connect(1)
            #expect(await eventually { (try? await node.outside.nodes().map(\.record.draining)) == [true] })
            #expect(await eventually { isTold.withLockedValue { $0 } })
            isOver.withLockedValue { $0 = true }
        }
    }

    @Test func `A lease that was lost is taken again, with all connections, and nobody is told a second time`() async throws {
        try await self.run { node in
            let ids = try await node.connect(4)
            #expect(await eventually { await node.listed == Set(ids) })
            #expect(await eventually { node.broker.texts.count == 4 })
            node.clock.advance(by: .seconds(20))
            #expect(await eventually { node.store.calls.register == 2 })
            #expect(await eventually { await node.listed == Set(ids) })
            #expect(node.store.calls.claim == .shared, "two nodes of one name would push each other out for ever")
            await node.beat()
            #expect(node.broker.texts.count == 4)
            #expect(node.keeper.health == .up)
        }
    }

    @Test func `Clients that were told of as left with their node are told of as joined when it is back`() async throws {
        try await self.run { node in
            let ids = try await node.connect(3)
            #expect(await eventually { await node.listed == Set(ids) })
            #expect(await eventually { node.broker.texts.count == 3 })
            node.store.fail(true)
            node.clock.advance(by: .seconds(6))
            #expect(try await node.outside.reap().map(\.connections) == [[.default: 3]])
            await node.disconnect(ids[0])
            node.store.fail(false)
            await node.beat()
            #expect(await eventually { await node.listed == Set(ids.dropFirst()) })
            let expected = Set(ids.dropFirst().map { "Client \($0.short) joined." })
            #expect(await eventually { Set(node.broker.texts.dropFirst(3)) == expected })
            await node.beat()
            await node.disconnect(ids[1])
            #expect(await eventually { node.broker.texts.dropFirst(5) == ["Client \(ids[1].short) left."] })
        }
    }

    @Test func `Until all that it had is listed again, lists say that the node is missing`() async throws {
        try await self.run { node in
            let ids = try await node.connect(4)
            #expect(await eventually { await node.listed == Set(ids) })
            #expect(await node.missing == [])
            node.store.failUpdates(true)
            node.clock.advance(by: .seconds(20))
            #expect(await eventually { node.store.calls.register == 2 })
            #expect(await eventually { await node.listed.isEmpty })
            #expect(await node.missing == ["own"])
            await #expect(throws: PresenceError.self) { try await node.outside.connection(ids[0]) }
            node.store.failUpdates(false)
            await node.beat()
            #expect(await eventually { await node.listed == Set(ids) })
            #expect(await eventually { await node.missing == [] })
            #expect(try await node.outside.connection(.random(on: node.record.id)) == nil)
        }
    }

    @Test func `A connection that closes before it is listed again is not waited for`() async throws {
        try await self.run { node in
            let ids = try await node.connect(1)
            #expect(await eventually { await node.listed == Set(ids) })
            node.store.failUpdates(true)
            node.clock.advance(by: .seconds(20))
            #expect(await eventually { await node.missing == ["own"] })
            await node.disconnect(ids[0])
            node.store.failUpdates(false)
            await node.beat()
            #expect(await eventually { await node.missing == [] })
            #expect(await node.listed.isEmpty)
        }
    }

    @Test func `Health says since when`() async throws {
        try await self.run { node in
            #expect(await eventually { node.keeper.condition == (.up, 0) })
            node.time.withLockedValue { $0 = 5000 }
            node.store.fail(true)
            await node.clock.advanceOneBeat()
            #expect(await eventually { node.keeper.condition.since == 5000 })
            #expect(node.keeper.health != .up)
            node.time.withLockedValue { $0 = 6000 }
            await node.clock.advanceOneBeat()
            #expect(node.keeper.condition.since == 5000)
            node.store.fail(false)
            await node.clock.advanceOneBeat()
            #expect(await eventually { node.keeper.condition == (.up, 6000) })
        }
    }

    @Test func `An update that finds the lease lost registers again at once`() async throws {
        try await self.run { node in
            try await node.outside.unregister(node.record.id)
            let ids = try await node.connect(2)
            #expect(await eventually { await node.listed == Set(ids) })
            #expect(node.store.calls.register == 2)
            #expect(await eventually { node.broker.texts.count == 2 })
        }
    }

    @Test func `While the store fails, health is down, and nothing is lost by the time it answers`() async throws {
        try await self.run { node in
            let before = try await node.connect(2)
            #expect(await eventually { await node.listed == Set(before) })
            node.store.fail(true)
            let during = try await node.connect(2)
            await node.disconnect(before[0])
            #expect(await eventually { node.keeper.health != .up })
            #expect(await node.listed == Set(before))
            let calls = node.store.calls
            await node.clock.advanceOneBeat()
            #expect(await eventually { node.store.calls != calls }, "tried again at the next beat")
            node.store.fail(false)
            await node.clock.advanceOneBeat()
            #expect(await eventually { await node.listed == Set(before.dropFirst() + during) })
            #expect(await eventually { node.keeper.health == .up })
            #expect(
                await eventually {
                    Set(node.broker.texts)
                        == Set((before + during).map { "Client \($0.short) joined." } + ["Client \(before[0].short) left."])
                }
            )
            #expect(node.broker.texts.count == 5)
        }
    }

    @Test func `A dead node leaves the directory, and its clients are told of in one sentence`() async throws {
        try await self.run { node in
            let dead = PresenceHarness.record(NodeID(rawValue: 77), "dead")
            try await node.outside.register(dead, claiming: .sole(dead: []))
            let connections = (0..<3).map { _ in ConnectionRecord(id: .random(on: dead.id), protocol: "plain", connectedAt: 0) }
            _ = try await node.outside.update(dead.id, adding: connections, removing: [])
            await node.beat()
            #expect(await eventually { node.directory.live.map(\.name) == ["dead", "own"] })
            for _ in 0..<6 { await node.beat() }
            #expect(await eventually { node.directory.live.map(\.name) == ["own"] })
            #expect(await eventually { node.broker.texts == ["3 clients left."] })
            #expect(await node.listed.isEmpty)
        }
    }

    @Test func `A node that takes the place of a dead one of its name tells of the dead one's clients`() async throws {
        try await self.run { node in
            let dead = PresenceHarness.record(NodeID(rawValue: 77), "own")
            try await node.outside.register(dead, claiming: .sole(dead: []))
            let connections = (0..<3).map { _ in ConnectionRecord(id: .random(on: dead.id), protocol: "plain", connectedAt: 0) }
            _ = try await node.outside.update(dead.id, adding: connections, removing: [])
        } _: { node in
            #expect(await eventually { node.broker.texts == ["3 clients left."] })
            #expect(await node.listed.isEmpty)
            let ids = try await node.outside.nodes().map(\.record.id)
            #expect(ids == [node.record.id])
        }
    }

    @Test func `A node that goes away says so at the next beat`() async throws {
        try await self.run { node in
            node.keeper.beginDraining()
            await node.beat()
            #expect(await eventually { (try? await node.outside.nodes().map(\.record.draining)) == [true] })
        }
    }

    @Test func `A store that is not there at the start is asked until it is`() async throws {
        try await Loops.with(1, node: .random()) { loops in
            let node = PresenceHarness(loops)
            node.store.fail(true)
            let group = ServiceGroup(configuration: ServiceGroupConfiguration(services: [node.keeper], logger: .quiet))
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask { try await group.run() }
                #expect(await eventually { node.store.calls.register > 0 })
                let ids = try await node.connect(1)
                await node.clock.advanceOneBeat()
                #expect(
                    await eventually { node.keeper.health == .down(reason: "\(PresenceError.unavailable("the test says so"))") }
                )
                node.store.fail(false)
                await node.clock.advanceOneBeat()
                #expect(await eventually { await node.listed == Set(ids) })
                #expect(await eventually { node.keeper.health == .up })
                #expect(node.store.calls.claim == .sole(dead: []))
                await group.triggerGracefulShutdown()
                try await tasks.waitForAll()
            }
        }
    }
}

/// What outlives a body.
private final class KeptHarness {
    var harness: PresenceHarness?
}

extension ManualClock {
    /// Past the next beat of a lease of 5 s, once its sleeper sleeps.
    fileprivate func advanceOneBeat() async {
        _ = await eventually { self.sleepers > 0 }
        self.advance(by: .milliseconds(1100))
    }
}
