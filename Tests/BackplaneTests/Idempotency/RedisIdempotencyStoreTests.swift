import NIOCore
import TestSupport
import Testing
import VolaryBackplane

/// What only the store in Redis can get wrong.
@Suite(.timeLimit(.minutes(2)))
struct RedisIdempotencyStoreTests {
    private func milliseconds(_ server: RedisServer, _ key: String) -> Int? {
        server.command("PTTL", key).flatMap { Int($0.dropFirst().prefix { $0.isNumber || $0 == "-" }) }
    }

    @Test func `Every key expires by itself`() async throws {
        let server = try RedisServer.start()
        defer { server.stop() }
        try await IdempotencyKind.withRedisStores(server) { harness in
            let claim = harness.claim("my:key")
            _ = try await harness.store.reserve(claim)
            let reserved = try #require(self.milliseconds(server, "volary:2:h:{default}:idem:my:key"))
            #expect((280_000...300_000).contains(reserved))
            _ = try await harness.store.complete(claim, with: ByteBuffer(string: "answer"))
            let answered = try #require(self.milliseconds(server, "volary:2:h:{default}:idem:my:key"))
            #expect((280_000...300_000).contains(answered))
            // Asking again does not keep it longer.
            #expect(server.command("PEXPIRE", "volary:2:h:{default}:idem:my:key", "100000") == ":1\r\n")
            _ = try await harness.stores[1].reserve(harness.claim("my:key"))
            #expect(try #require(self.milliseconds(server, "volary:2:h:{default}:idem:my:key")) <= 100_000)
            #expect(server.command("DBSIZE") == ":1\r\n")
        }
    }

    @Test func `An emptied script cache is filled again`() async throws {
        let server = try RedisServer.start()
        defer { server.stop() }
        try await IdempotencyKind.withRedisStores(server) { harness async throws in
            let claim = harness.claim()
            #expect(server.command("SCRIPT", "FLUSH") == "+OK\r\n")
            #expect(try await harness.store.reserve(claim) == .reserved)
            #expect(server.command("SCRIPT", "FLUSH") == "+OK\r\n")
            #expect(try await harness.store.complete(claim, with: ByteBuffer(string: "answer")))
            #expect(try await harness.stores[1].reserve(harness.claim()) == .answered(ByteBuffer(string: "answer")))
        }
    }

    @Test func `An answer survives an emptied Redis`() async throws {
        let server = try RedisServer.start()
        defer { server.stop() }
        try await IdempotencyKind.withRedisStores(server) { harness async throws in
            let claim = harness.claim()
            #expect(try await harness.store.reserve(claim) == .reserved)
            #expect(server.command("FLUSHALL") == "+OK\r\n")
            #expect(try await harness.store.complete(claim, with: ByteBuffer(string: "answer")))
            #expect(try await harness.stores[1].reserve(harness.claim("key", "another")) == .mismatch)
        }
    }

    @Test func `A Redis that is away is unavailable within the timeout`() async throws {
        let server = try RedisServer.start()
        defer { server.stop() }
        try await IdempotencyKind.withRedisStores(server, commandTimeout: .milliseconds(500)) { harness in
            server.freeze()
            defer { server.thaw() }
            let clock = ContinuousClock()
            for _ in 0..<2 {
                let time = await clock.measure {
                    await #expect(throws: IdempotencyError.self) { _ = try await harness.store.reserve(harness.claim()) }
                }
                #expect(time < .seconds(5))
            }
        }
    }

    @Test func `A key of another type is refused`() async throws {
        let server = try RedisServer.start()
        defer { server.stop() }
        try await IdempotencyKind.withRedisStores(server) { harness in
            #expect(server.command("SET", "volary:2:h:{default}:idem:key", "text") == "+OK\r\n")
            do {
                _ = try await harness.store.reserve(harness.claim())
                Issue.record("it was taken")
            } catch IdempotencyError.refused(let reason) {
                #expect(
                    reason == "the key volary:2:h:{default}:idem:key holds a string where a hash is expected: "
                        + "another program has written it"
                )
            }
        }
    }
}
