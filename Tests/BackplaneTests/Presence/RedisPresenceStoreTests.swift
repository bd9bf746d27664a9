import Logging
import NIOConcurrencyHelpers
import NIOPosix
import TestSupport
import Testing
import VolaryProtocol

@testable import VolaryBackplane

/// What only the store in Redis can get wrong.
@Suite(.timeLimit(.minutes(2)))
struct RedisPresenceStoreTests {
    private func withStore(
        commandTimeout: Duration = .seconds(10),
        _ body: (RedisServer, PresenceHarness) async throws -> Void
    ) async throws {
        let server = try RedisServer.start()
        defer { server.stop() }
        var configuration = try RedisConfiguration(url: server.url)
        configuration.commandTimeout = commandTimeout
        let store = RedisPresenceStore(
            configuration: configuration,
            eventLoop: MultiThreadedEventLoopGroup.singleton.any(),
            logger: .quiet
        )
        let harness = PresenceHarness(stores: [store], outlive: { _ in })
        try await PresenceKind.run(harness) { try await body(server, $0) }
    }

    @Test func `An emptied script cache is filled again`() async throws {
        try await self.withStore { server, harness in
            let node = harness.record("one")
            try await harness.store.register(node, claiming: .shared)
            #expect(server.command("SCRIPT", "FLUSH") == "+OK\r\n")
            #expect(try await harness.store.renew(node) == .held)
            #expect(try await harness.store.nodes().count == 1)
        }
    }

    @Test func `Everything of a node expires by itself one day`() async throws {
        try await self.withStore { server, harness in
            let node = harness.record("one")
            try await harness.store.register(node, claiming: .shared)
            _ = try await harness.store.update(node.id, adding: [harness.connection(on: node.id, user: "ann")], removing: [])
            let names = RedisPresenceKeys(prefix: "volary")
            let keys = names.lease(of: node.id) + names.entries(of: node.id, in: .default).all + [names.hubs(of: node.id)]
            for renewed in [false, true] {
                if renewed {
                    for key in keys { server.command("PEXPIRE", key, "1000000") }
                    #expect(try await harness.store.renew(node) == .held)
                }
                for key in keys {
                    let answer = server.command("PTTL", key) ?? ""
                    let left = Int(answer.dropFirst().prefix { $0.isNumber }) ?? 0
                    // 20 leases of a minute.
                    #expect((1_190_000...1_200_000).contains(left), "\(key): \(answer)")
                }
            }
            #expect(server.command("DBSIZE") == ":8\r\n")
            try await harness.store.unregister(node.id)
            #expect(server.command("DBSIZE") == ":0\r\n")
        }
    }

    @Test func `An emptied Redis is a lost lease`() async throws {
        try await self.withStore { server, harness in
            let node = harness.record("one")
            try await harness.store.register(node, claiming: .shared)
            server.command("FLUSHALL")
            #expect(try await harness.store.renew(node) == .lost)
            #expect(server.command("DBSIZE") == ":0\r\n")
        }
    }

    @Test func `Without memory writes are refused and reads go on`() async throws {
        try await self.withStore { server, harness in
            let node = harness.record("one")
            try await harness.store.register(node, claiming: .shared)
            server.command("CONFIG", "SET", "maxmemory", "1")
            do {
                _ = try await harness.store.update(node.id, adding: harness.connections(1, on: node.id), removing: [])
                Issue.record("there is no memory for it")
            } catch {
                guard case .refused(let text) = error as? PresenceError, text.hasPrefix("OOM") else { throw error }
            }
            #expect(try await harness.store.nodes().count == 1)
        }
    }

    @Test func `A canceled list leaves the line while Redis does not answer, and those that stay are read`() async throws {
        try await self.withStore { server, harness in
            let node = harness.record("one")
            try await harness.store.register(node, claiming: .shared)
            _ = try await harness.store.update(node.id, adding: harness.connections(3, on: node.id), removing: [])
            let store = harness.store
            server.freeze()
            let lists = (0..<100).map { _ in Task { try await store.connections(ConnectionQuery(limit: 3)) } }
            let start = ContinuousClock.now
            // No more than eight of them wait for Redis.
            for list in lists.dropLast() { list.cancel() }
            let ended = NIOLockedValueBox(0)
            for list in lists {
                Task {
                    _ = await list.result
                    ended.withLockedValue { $0 += 1 }
                }
            }
            #expect(await eventually { ended.withLockedValue { $0 } >= 91 })
            #expect(ContinuousClock.now - start < .seconds(5))
            server.thaw()
            #expect(try await lists[99].value.connections.count == 3)
            for list in lists.dropLast() { await #expect(throws: PresenceError.self) { try await list.value } }
        }
    }

    @Test func `A frozen Redis costs one deadline and a dead one nothing`() async throws {
        try await self.withStore(commandTimeout: .milliseconds(500)) { server, harness in
            let clock = ContinuousClock()
            server.freeze()
            let frozen = clock.now
            await #expect(throws: PresenceError.self) { try await harness.store.nodes() }
            #expect(clock.now - frozen < .seconds(5))
            server.kill()
            #expect(
                await eventually {
                    let asked = clock.now
                    let failed = (try? await harness.store.nodes()) == nil
                    return failed && clock.now - asked < .milliseconds(100)
                }
            )
            try server.restart()
            #expect(await eventually { (try? await harness.store.nodes()) != nil })
        }
    }
}
