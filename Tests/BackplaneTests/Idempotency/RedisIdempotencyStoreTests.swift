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
            let counted = try #require(self.milliseconds(server, "volary:2:h:{default}:idem-bytes"))
            #expect((280_000...310_000).contains(counted))
            #expect(server.command("DBSIZE") == ":2\r\n")
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

    @Test func `A small answer takes less room than its reservation, and a large one without room is refused`() async throws {
        let server = try RedisServer.start()
        defer { server.stop() }
        try await IdempotencyKind.withRedisStores(server, maximumBytes: 20 * 1600) { harness async throws in
            var kept = 0
            let answer = ByteBuffer(repeating: 1, count: 30)
            while kept < 1000 {
                let claim = harness.claim("\(kept)")
                guard (try? await harness.store.reserve(claim)) == .reserved else { break }
                #expect(try await harness.store.complete(claim, with: answer))
                kept += 1
            }
            // 32,000 bytes; a key of two digits takes 570, and 1,564 while it runs.
            #expect((53...56).contains(kept), "\(kept)")
            let known = try await harness.stores[1].reserve(harness.claim("0"))
            #expect(known == .answered(answer))
        }
        try await IdempotencyKind.withRedisStores(server, maximumBytes: 70_000) { harness async throws in
            #expect(server.command("FLUSHALL") == "+OK\r\n")
            let large = ByteBuffer(repeating: 1, count: IdempotencyLimits.answerBytes)
            let claims = ["a", "b"].map { harness.claim($0) }
            for claim in claims { #expect(try await harness.store.reserve(claim) == .reserved) }
            #expect(try await harness.store.complete(claims[0], with: large))
            await #expect(throws: IdempotencyError.full) { try await harness.store.complete(claims[1], with: large) }
            #expect(try await harness.store.reserve(harness.claim("b")) == .busy)
            let small = ByteBuffer(repeating: 1, count: IdempotencyLimits.smallAnswerBytes)
            #expect(try await harness.store.complete(claims[1], with: small))
        }
    }

    @Test func `The count recovers from keys that vanish and from whatever another program writes`() async throws {
        let server = try RedisServer.start()
        defer { server.stop() }
        let count = "volary:2:h:{default}:idem-bytes"
        try await IdempotencyKind.withRedisStores(server, IdempotencyKind.lifetimes, maximumBytes: 5400) { harness async throws in
            for round in 0..<3 {
                for key in ["a", "b", "c"] {
                    #expect(try await harness.store.reserve(harness.claim("\(key)\(round)")) == .reserved)
                    #expect(server.command("DEL", "volary:2:h:{default}:idem:\(key)\(round)") == ":1\r\n")
                }
                await #expect(throws: IdempotencyError.full) { try await harness.store.reserve(harness.claim("d")) }
                try await harness.outlive(IdempotencyKind.lifetimes.answer + .seconds(10))
            }
            let foreign: [[String]] = [
                ["SET", count, "text"], ["RPUSH", count, "1"], ["HSET", count, "x", "y", "-1", "9", "99999999999", "5"],
                ["HSET", count, "1", "99999999", "1e9", "7", "", ""],
                ["EVAL", "for i = 1, 2000 do redis.call('HSET', KEYS[1], i, 1) end return 1", "1", count],
            ]
            for (number, command) in foreign.enumerated() {
                server.command("FLUSHALL")
                let claim = harness.claim("kept")
                #expect(try await harness.store.reserve(claim) == .reserved)
                server.command("DEL", count)
                let reply = server.command(command)
                #expect(reply?.hasPrefix("-") == false, "\(command)")
                // By any script.
                switch number % 3 {
                case 0: try await harness.store.release(claim)
                case 1: #expect(try await harness.store.complete(claim, with: ByteBuffer(string: "answer")))
                default: break
                }
                for key in ["x", "y", "z"] {
                    #expect(try await harness.stores[1].reserve(harness.claim("\(number)\(key)")) == .reserved, "\(command)")
                }
                await #expect(throws: IdempotencyError.full) { try await harness.store.reserve(harness.claim("d")) }
                #expect(try #require(self.milliseconds(server, count)) > 0)
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
