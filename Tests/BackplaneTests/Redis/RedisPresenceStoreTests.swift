import Backplane
import Logging
import NIOPosix
import Protocol
import TestSupport
import Testing

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
        let harness = PresenceHarness(stores: [store], shortLease: 1500, outlive: { _ in })
        try await PresenceKind.run(harness) { try await body(server, $0) }
    }

    @Test func anEmptiedScriptCacheIsFilledAgain() async throws {
        try await self.withStore { server, harness in
            let node = harness.record("one")
            try await harness.store.register(node, replacingName: false)
            #expect(server.command("SCRIPT", "FLUSH") == "+OK\r\n")
            #expect(try await harness.store.renew(node) == .held)
            #expect(try await harness.store.nodes().count == 1)
        }
    }

    @Test func everythingOfANodeExpiresByItselfOneDay() async throws {
        try await self.withStore { server, harness in
            let node = harness.record("one")
            try await harness.store.register(node, replacingName: false)
            _ = try await harness.store.update(node.id, adding: harness.connections(1, on: node.id), removing: [])
            let prefix = "volary:node:{\(node.id)}:"
            let keys = ["volary:nodes", "volary:names", prefix + "record", prefix + "index", prefix + "details"]
            for renewed in [false, true] {
                if renewed { #expect(try await harness.store.renew(node) == .held) }
                for key in keys {
                    let answer = server.command("PTTL", key) ?? ""
                    let left = Int(answer.dropFirst().prefix { $0.isNumber }) ?? 0
                    // 20 leases of a minute.
                    #expect((1_190_000...1_200_000).contains(left), "\(key): \(answer)")
                }
            }
            #expect(server.command("DBSIZE") == ":5\r\n")
            try await harness.store.unregister(node.id)
            #expect(server.command("DBSIZE") == ":0\r\n")
        }
    }

    @Test func anEmptiedRedisIsALostLease() async throws {
        try await self.withStore { server, harness in
            let node = harness.record("one")
            try await harness.store.register(node, replacingName: false)
            server.command("FLUSHALL")
            #expect(try await harness.store.renew(node) == .lost)
            #expect(server.command("DBSIZE") == ":0\r\n")
        }
    }

    @Test func unreadableRecordsDoNotHideTheOthers() async throws {
        try await self.withStore { server, harness in
            let (good, bad) = (harness.record("good"), harness.record("bad"))
            for node in [good, bad] { try await harness.store.register(node, replacingName: false) }
            let records = harness.connections(40, on: good.id).sorted { $0.id < $1.id }
            _ = try await harness.store.update(good.id, adding: records, removing: [])
            server.command("SET", "volary:node:{\(bad.id)}:record", "{")
            for record in records[..<20] { server.command("HSET", "volary:node:{\(good.id)}:details", "\(record.id)", "[]") }
            server.command("HDEL", "volary:node:{\(good.id)}:details", "\(records[20].id)")

            #expect(try await harness.store.nodes().map(\.record) == [good])
            // The first pages hold nothing that can be read: they are passed over.
            let page = try await harness.store.connections(ConnectionQuery(limit: 5))
            #expect(page.connections.map(\.record) == Array(records[21..<25]))
            #expect(page.total == 40 && page.hasMore)
            #expect(try await harness.store.connection(records[0].id) == nil)
            #expect(try await harness.store.connection(records[30].id)?.record == records[30])
        }
    }

    @Test func keysOfAnotherTypeAreRefused() async throws {
        try await self.withStore { server, harness in
            server.command("SET", "volary:nodes", "x")
            await #expect(throws: PresenceError.self) { try await harness.store.nodes() }
            do {
                _ = try await harness.store.reap()
                Issue.record("a set of another type cannot be reaped")
            } catch {
                guard case .refused = error as? PresenceError else { throw error }
            }
        }
    }

    @Test func withoutMemoryWritesAreRefusedAndReadsGoOn() async throws {
        try await self.withStore { server, harness in
            let node = harness.record("one")
            try await harness.store.register(node, replacingName: false)
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

    @Test func aFrozenRedisCostsOneDeadlineAndADeadOneNothing() async throws {
        try await self.withStore(commandTimeout: .milliseconds(500)) { server, harness in
            let clock = ContinuousClock()
            server.freeze()
            let frozen = clock.now
            await #expect(throws: PresenceError.self) { try await harness.store.nodes() }
            #expect(clock.now - frozen < .milliseconds(1500))
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

    @Test func aPageOfAHundredInFiftyThousandIsFast() async throws {
        try await self.withStore { server, harness in
            for name in ["a", "b", "c"] {
                let node = harness.record(name)
                try await harness.store.register(node, replacingName: false)
                var left = 50_000 / 3
                while left > 0 {
                    let records = harness.connections(min(left, PresenceLimits.connectionsPerUpdate), on: node.id)
                    #expect(try await harness.store.update(node.id, adding: records, removing: []) == .held)
                    left -= records.count
                }
            }
            let clock = ContinuousClock()
            var after: ConnectionID?
            var times: [Duration] = []
            for _ in 0..<40 {
                let start = clock.now
                let page = try await harness.store.connections(ConnectionQuery(limit: 100, after: after))
                times.append(clock.now - start)
                #expect(page.connections.count == 100 && page.hasMore && page.total == 49_998)
                after = page.connections.last?.record.id
            }
            times.sort()
            print("page of 100 of 50,000: median \(times[20]), slowest \(times[39])")
            let start = clock.now
            let nearTheEnd = ConnectionID(String(repeating: "f", count: 2) + String(repeating: "0", count: 30))
            let deep = try await harness.store.connections(ConnectionQuery(limit: 100, after: nearTheEnd))
            let full = clock.now
            let large = try await harness.store.connections(ConnectionQuery(limit: 1000))
            print(
                "deep page: \(full - start) for \(deep.connections.count); page of 1,000: \(clock.now - full) for \(large.connections.count)"
            )
            // Ten times the target, for a machine that does other things as well.
            #expect(times[20] < .milliseconds(100))
        }
    }
}
