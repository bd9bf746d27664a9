import NIOCore
import TestSupport
import Testing

@testable import VolaryBackplane

/// Redis before version 7 has no sharded channels.
@Suite(.timeLimit(.minutes(1)))
struct RedisVersionTests {
    private static func hello(_ version: String) -> String {
        "*4\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$\(version.utf8.count)\r\n\(version)\r\n"
    }

    @Test(arguments: [
        (Self.hello("6.2.14"), "the server is Redis 6.2.14; version 7 or newer is needed, for sharded channels"),
        (Self.hello("255.255"), nil), (Self.hello("x"), "unexpected answer to HELLO"), ("+OK\r\n", "unexpected answer to HELLO"),
        (
            "-ERR unknown command `HELLO`, with args beginning with: \r\n",
            "HELLO was refused: the server is older than Redis 6; version 7 or newer is needed, for sharded channels"
        ),
        ("-NOPERM no\r\n", "HELLO was refused: NOPERM no"),
    ])
    func `The version is checked when a link is made, and named`(answer: String, reason: String?) async throws {
        let redis = try await FakeRedis.start { _, received in
            let greeting = (FakeRedis.greeting(to: received) ?? "").replacing(
                /\*10.*modules\r\n\*0\r\n/.dotMatchesNewlines(),
                with: answer
            )
            let writes = received.split(separator: "\r\n").count { $0 == "DEL" || $0 == "SPUBLISH" }
            return .text(greeting + FakeRedis.acknowledgement(of: received) + String(repeating: ":1\r\n", count: writes))
        }
        let settings = BrokerSettings(delivery: .atMostOnce, canaryInterval: .seconds(60))
        try await BrokerKind.run([.redis(RedisConfiguration(port: redis.port), settings: settings)]) { nodes in
            let broker = nodes[0].broker
            let expected = reason ?? "nothing has come back through Redis yet"
            #expect(await eventually { broker.health.state == .down(reason: expected) }, "\(broker.health)")
        }
        await redis.stop()
    }

    @Test func `Redis' own answer is understood`() throws {
        let server = try RedisServer.start()
        defer { server.stop() }
        let answer = try #require(server.command("HELLO"))
        var values: [RESPValue] = []
        try RESPDecoder().decode(ByteBuffer(string: answer), into: &values)
        let version = try #require(values.first.flatMap { RedisVersion($0) })
        #expect(version.refusal == nil && server.info("server").contains("redis_version:\(version)\r\n"))
    }
}
