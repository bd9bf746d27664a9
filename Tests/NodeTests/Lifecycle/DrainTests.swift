import Logging
import NIOConcurrencyHelpers
import NIOCore
import ServiceLifecycle
import TestSupport
import Testing
import VolaryProtocol

@testable import VolaryNode

/// A node sends its clients away.
@Suite
struct DrainTests {
    private final class Harness: Sendable {
        let clock = ManualClock()
        let life = LifecyclePhase()
        let shutdownRequest = ShutdownRequest()
        let loops: Loops
        let announced = NIOLockedValueBox(0)
        let unsent = NIOLockedValueBox(0)
        private let group: ServiceGroup
        private let ended = NIOLockedValueBox(false)

        init(_ loops: Loops, delay: Duration, timeout: Duration) {
            self.loops = loops
            let (announced, unsent) = (self.announced, self.unsent)
            let drain = Drain(
                shutdownRequest: self.shutdownRequest,
                life: self.life,
                connections: loops.manager,
                acceptNoFurtherStreams: {},
                announce: { announced.withLockedValue { $0 += 1 } },
                unsent: { unsent.withLockedValue { $0 } },
                delay: delay,
                timeout: timeout,
                logger: .quiet,
                clock: self.clock
            )
            let service = ServiceGroupConfiguration.ServiceConfiguration(
                service: drain,
                successTerminationBehavior: .gracefullyShutdownGroup
            )
            self.group = ServiceGroup(configuration: ServiceGroupConfiguration(services: [service], logger: .quiet))
        }

        var hasEnded: Bool { self.ended.withLockedValue { $0 } }

        /// - Parameter step: by which the clock goes on after `body`, until the drain has ended.
        func run(step: Duration = .milliseconds(5), _ body: () async throws -> Void) async throws {
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask {
                    try await self.group.run()
                    self.ended.withLockedValue { $0 = true }
                }
                try await body()
                let hasEnded = await self.clock.advance(by: step) { self.hasEnded }
                #expect(hasEnded)
                if !hasEnded { tasks.cancelAll() }
                try await tasks.waitForAll()
            }
        }

        func shutDown() async { await self.group.triggerGracefulShutdown() }
    }

    @Test func `Nothing happens before the shutdown`() async throws {
        try await Loops.with(1) { loops in
            let node = Harness(loops, delay: .zero, timeout: .seconds(10))
            try await node.run {
                _ = try await loops.connect(1)
                node.clock.advance(by: .seconds(3600))
                #expect(node.life.phase == .serving)
                #expect(loops.manager.count == 1)
                await node.shutDown()
            }
            #expect(node.life.phase == .draining)
        }
    }

    @Test(arguments: [(Duration.seconds(4), Duration.seconds(4)), (.seconds(60), .seconds(10))])
    func `What waits for the other nodes is waited for, as long as the time lasts`(
        linkIsBack: Duration,
        end: Duration
    ) async throws {
        try await Loops.with(1) { loops in
            let node = Harness(loops, delay: .zero, timeout: .seconds(10))
            node.unsent.withLockedValue { $0 = 3 }
            let start = node.clock.now
            try await node.run {
                await node.shutDown()
                _ = await node.clock.advance(by: .milliseconds(20)) {
                    if start.duration(to: node.clock.now) >= linkIsBack { node.unsent.withLockedValue { $0 = 0 } }
                    return node.hasEnded
                }
            }
            #expect((end...(end + .milliseconds(200))).contains(start.duration(to: node.clock.now)))
        }
    }

    @Test func `First not ready, then the delay for the load balancer, then 1012 to all`() async throws {
        try await Loops.with(2) { loops in
            let ids = try await loops.connect(5)
            let node = Harness(loops, delay: .seconds(7), timeout: .seconds(10))
            try await node.run {
                await node.shutDown()
                #expect(await eventually { node.clock.sleepers == 1 })
                #expect(node.life.phase == .notReady)
                #expect(node.announced.withLockedValue { $0 } == 1)
                node.clock.advance(by: .milliseconds(6999))
                #expect(node.life.phase == .notReady)
                #expect(loops.manager.count == 5)
                node.clock.advance(by: .milliseconds(1))
                #expect(await eventually { node.life.phase == .draining })
                #expect(await node.clock.advance(by: .milliseconds(5)) { loops.manager.count == 0 })
            }
            for id in ids { #expect(await loops.frames(of: id) == [.close(1012, "the node is going away")]) }
        }
    }

    @Test func `A small node is done as soon as its clients have answered`() async throws {
        try await Loops.with(2) { loops in
            _ = try await loops.connect(3)
            let node = Harness(loops, delay: .zero, timeout: .seconds(600))
            try await node.run { await node.shutDown() }
            #expect(node.clock.now.elapsed < .seconds(60))
            #expect(loops.manager.total == 0)
        }
    }

    @Test func `A node without clients is done at once`() async throws {
        try await Loops.with(1) { loops in
            let node = Harness(loops, delay: .zero, timeout: .seconds(10))
            try await node.run { await node.shutDown() }
            #expect(node.clock.now.elapsed < .seconds(1))
        }
    }

    @Test func `Closes are spread over half of the time, in batches of at least 100`() async throws {
        try await Loops.with(2) { loops in
            let ids = try await loops.connect(250)
            // Ten batches in the first half: 100 each, for that is the smallest.
            let node = Harness(loops, delay: .zero, timeout: .seconds(2))
            try await node.run {
                func closed() -> Int { ids.filter { loops.client(of: $0)?.frames.isEmpty == false }.count }
                await node.shutDown()
                for expected in [100, 200, 250] {
                    #expect(await eventually { closed() == expected && (node.clock.sleepers == 1 || loops.manager.total == 0) })
                    // Not the next batch before its time.
                    node.clock.advance(by: .milliseconds(5))
                    #expect(await eventually { node.clock.sleepers == 1 || loops.manager.total == 0 })
                    #expect(closed() == expected)
                    node.clock.advance(by: .milliseconds(95))
                    if expected < 250 { _ = await eventually { closed() > expected } }
                }
            }
        }
    }

    @Test func `Clients that do not answer do not hold the node beyond its time`() async throws {
        try await Loops.with(1) { loops in
            let silent = try await loops.connect(1, answersClose: false)
            let node = Harness(loops, delay: .zero, timeout: .seconds(3))
            // Done long before the connection's own deadline, which is by the machine's clock.
            try await node.run(step: .milliseconds(100)) {
                await node.shutDown()
                #expect(await loops.frames(of: silent[0]) == [.close(1012, "the node is going away")])
                #expect(!node.hasEnded)
            }
            #expect((Duration.seconds(3)...(.milliseconds(3200))).contains(node.clock.now.elapsed))
            // Cut: their sockets are closed before the node's event loops go.
            #expect(await eventually { loops.manager.total == 0 })
        }
    }

    @Test func `What clients that are gone have left is handled for a tenth of the time, and then dropped`() async throws {
        try await Loops.with(1, finishes: false) { loops in
            let ids = try await loops.connect(3)
            for id in ids { try await loops.leaveMessages(id) }
            #expect(loops.manager.total == 3)
            let node = Harness(loops, delay: .zero, timeout: .seconds(10))
            try await node.run(step: .milliseconds(20)) { await node.shutDown() }
            #expect((Duration.seconds(1)...(.milliseconds(1300))).contains(node.clock.now.elapsed))
            #expect(loops.manager.total == 0)
        }
    }

    @Test func `Told to drain, a node needs no shutdown, and ends by itself`() async throws {
        try await Loops.with(1) { loops in
            let ids = try await loops.connect(2)
            let node = Harness(loops, delay: .seconds(1), timeout: .seconds(10))
            try await node.run { node.shutdownRequest.request(.graceful) }
            #expect(node.life.phase == .draining)
            #expect(node.announced.withLockedValue { $0 } == 1)
            for id in ids { #expect(await loops.frames(of: id) == [.close(1012, "the node is going away")]) }
        }
    }

    @Test func `Told to hurry in the delay, it closes everybody at once`() async throws {
        try await Loops.with(2) { loops in
            let ids = try await loops.connect(250)
            let node = Harness(loops, delay: .seconds(600), timeout: .seconds(600))
            try await node.run {
                await node.shutDown()
                #expect(await eventually { node.clock.sleepers == 1 })
                node.shutdownRequest.request(.immediate)
                // Without a step of the clock: not in batches.
                #expect(await eventually { ids.allSatisfy { loops.client(of: $0)?.frames.isEmpty == false } })
            }
            #expect(node.clock.now.elapsed < .seconds(1))
            #expect(node.life.phase == .draining)
        }
    }

    @Test func `Told to hurry between batches, it closes the rest at once, and waits half a second for the silent`() async throws
    {
        try await Loops.with(1) { loops in
            _ = try await loops.connect(250, answersClose: false)
            let node = Harness(loops, delay: .zero, timeout: .seconds(600))
            // In few steps: done long before the connections' own deadline, which is by the machine's clock.
            try await node.run(step: .milliseconds(50)) {
                await node.shutDown()
                #expect(await eventually { node.clock.sleepers == 1 })
                node.shutdownRequest.request(.immediate)
            }
            #expect((Duration.milliseconds(500)...(.seconds(1))).contains(node.clock.now.elapsed))
            #expect(await eventually { loops.manager.total == 0 })
        }
    }

    @Test func `A phase never goes back`() {
        let life = LifecyclePhase()
        #expect(life.phase == .serving)
        life.enter(.draining)
        life.enter(.notReady)
        #expect(life.phase == .draining)
    }
}
