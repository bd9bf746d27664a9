import TestSupport
import Testing

extension RealProcesses {
    /// A Redis with the keys of nodes whose format has no number.
    @Suite struct FormerFormatTests {
        /// - Parameter seconds: until the lease of such a node expires; negative after that.
        private static func lease(_ seconds: Int, in redis: RedisServer) -> Bool {
            let script = "return redis.call('ZADD', KEYS[1], redis.call('TIME')[1] * 1000 + ARGV[1] * 1000, '0a1b2c3d')"
            return redis.command("EVAL", script, "1", "volary:nodes", "\(seconds)")?.hasPrefix(":") == true
        }

        @Test func `Beside a living node of the former format a node does not start, and tells why`() async throws {
            let redis = try RedisServer.start()
            defer { redis.stop() }
            #expect(Self.lease(60, in: redis))
            let node = try await VolaryProcess.run(["--redis", redis.url, "--port", "0", "--drain-delay", "20s"])
            #expect(node.status == 78)
            #expect(
                node.errors
                    == "volary: --redis-prefix: living nodes of an older, incompatible version use it (1); choose another, or stop them first\n"
            )
            #expect(redis.command("EXISTS", "volary:2:{registry}:leases") == ":0\r\n")
        }

        @Test func `Nodes of the former format whose leases have expired are no reason`() async throws {
            let redis = try RedisServer.start()
            defer { redis.stop() }
            #expect(Self.lease(-1, in: redis))
            let node = try await VolaryProcess.start(["--redis", redis.url], until: .running)
            defer { node.kill() }
            #expect(await eventually { redis.command("ZCARD", "volary:2:{registry}:leases") == ":1\r\n" })
        }
    }
}
