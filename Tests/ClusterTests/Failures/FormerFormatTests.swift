import TestSupport
import Testing

extension RealProcesses {
    /// A Redis with nodes of other formats: of the former one, whose keys have no number, and of later ones.
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

        /// A node with the keys of this format.
        /// - Parameters:
        ///   - seconds: until its lease expires; negative after that.
        ///   - formats: what it writes and reads.
        private static func later(_ seconds: Int, formats: ClosedRange<Int>, in redis: RedisServer) -> Bool {
            let record =
                #"{"draining":false,"formats":{"highest":\#(formats.upperBound),"lowest":\#(formats.lowerBound)},"id":"0a1b2c3d","#
                + #""later":1,"leaseMilliseconds":60000,"name":"later","registering":false,"startedAt":1,"version":"9.9.9"}"#
            let script = """
                redis.call('HSET', KEYS[2], 'number', '1', 'lease', '60000', 'record', ARGV[2], 'registering', '0', 'connections', '0')
                return redis.call('ZADD', KEYS[1], redis.call('TIME')[1] * 1000 + ARGV[1] * 1000, '0a1b2c3d')
                """
            let keys = ["volary:2:{registry}:leases", "volary:2:{registry}:record:0a1b2c3d"]
            return redis.command(["EVAL", script, "2"] + keys + ["\(seconds)", record]) == ":1\r\n"
        }

        @Test func `Beside a living node whose formats do not meet its own a node does not start, and tells why`() async throws {
            let redis = try RedisServer.start()
            defer { redis.stop() }
            #expect(Self.later(60, formats: 3...4, in: redis))
            let node = try await VolaryProcess.run(["--redis", redis.url, "--port", "0", "--drain-delay", "20s"])
            #expect(node.status == 78)
            #expect(
                node.errors
                    == "volary: --redis-prefix: living nodes of another, incompatible version use it (1); choose another, or stop them first\n"
            )
            #expect(redis.command("ZCARD", "volary:2:{registry}:leases") == ":1\r\n")
        }

        @Test(arguments: [(60, 2...3), (-1, 3...4)])
        func `A later node that can share the cluster, or whose lease has expired, is no reason`(
            seconds: Int,
            formats: ClosedRange<Int>
        ) async throws {
            let redis = try RedisServer.start()
            defer { redis.stop() }
            #expect(Self.later(seconds, formats: formats, in: redis))
            let node = try await VolaryProcess.start(["--redis", redis.url], until: .running)
            defer { node.kill() }
            let isRegistered = await eventually {
                let lines = (redis.command("ZRANGE", "volary:2:{registry}:leases", "0", "-1") ?? "").split(separator: "\r\n")
                return lines.contains { $0.count == 8 && $0 != "0a1b2c3d" }
            }
            #expect(isRegistered)
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
