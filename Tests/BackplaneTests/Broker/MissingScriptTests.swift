import NIOConcurrencyHelpers
import TestSupport
import Testing
import VolaryProtocol

@testable import VolaryBackplane

/// A server that answers NOSCRIPT even when the command contains the source of the script.
@Suite(.timeLimit(.minutes(1)))
struct MissingScriptTests {
    /// What a server knows of one connection.
    private struct Connection {
        /// Scripts that were loaded with SCRIPT LOAD.
        var loaded = 0
        /// Commands that were answered with NOSCRIPT.
        var refused = 0
    }

    /// Runs `body` with a broker whose scripts of one kind Redis never has.
    /// - Parameters:
    ///   - missing: the scripts that the server never has.
    ///   - body: gets the broker, the server, and the largest number of commands of one connection that were refused.
    private func run(
        without missing: Set<RedisScript>,
        _ body: (BrokerEndpoint, FakeRedis, () -> Int) async throws -> Void
    ) async throws {
        let known = NIOLockedValueBox<[Int: Connection]>([:])
        let redis = try await FakeRedis.start { number, received in
            known.withLockedValue { known in
                var answer = (FakeRedis.greeting(to: received) ?? "") + FakeRedis.acknowledgement(of: received)
                let words = received.split(separator: "\r\n").map(String.init)
                for (index, word) in words.enumerated() {
                    let script: Int
                    switch word {
                    case "LOAD":
                        let digest = known[number, default: Connection()].loaded
                        known[number, default: Connection()].loaded += 1
                        answer += "$6\r\ndigest\(digest)\r\n".replacing("$6", with: "$\(6 + "\(digest)".count)")
                        continue
                    case "GET":
                        answer += "$1\r\n1\r\n"
                        continue
                    case "DEL", "SPUBLISH":
                        answer += ":0\r\n"
                        continue
                    // By source: only what the server lacks is sent so.
                    case "EVAL": script = -1
                    case "EVALSHA": script = words.dropFirst(index + 2).first.flatMap { Int($0.dropFirst(6)) } ?? -1
                    default: continue
                    }
                    if script < 0 || script >= RedisScript.log.count || missing.contains(RedisScript.log[script]) {
                        known[number, default: Connection()].refused += 1
                        answer += "-NOSCRIPT No matching script\r\n"
                    } else {
                        answer += "*0\r\n"
                    }
                }
                return answer.isEmpty ? .silence : .text(answer)
            }
        }
        // Nothing comes back from this server: canaries have to be patient.
        let settings = BrokerSettings(canaryInterval: .seconds(60))
        try await BrokerKind.run([.redis(RedisConfiguration(port: redis.port), settings: settings)]) { nodes in
            #expect(await eventually { redis.connections >= 2 })
            try await body(nodes[0], redis) { known.withLockedValue { $0.values.map(\.refused).max() ?? 0 } }
        }
        await redis.stop()
    }

    @Test func `A log that cannot be read costs the link after one retry`() async throws {
        try await self.run(without: Set(RedisScript.log).subtracting([.publish])) { node, redis, refused in
            let subscription = Task { try await node.broker.subscribe(to: .all) }
            #expect(await eventually { redis.connections >= 5 })
            // One read and one refresh of heads for each connection, the name of the data a few times, each with one retry.
            #expect(refused() <= 20)
            subscription.cancel()
            _ = await subscription.result
        }
    }

    @Test func `A message that cannot be published costs the link after one retry`() async throws {
        try await self.run(without: [.publish]) { node, redis, refused in
            #expect(await node.publish("x") == .success(.degraded(here: false)))
            // The message waits for the next connection, and the next.
            #expect(await eventually { redis.connections >= 5 })
            // For each connection the message twice; and the name of the data, twice for each link, if its script is not loaded yet.
            #expect((2...8).contains(refused()))
        }
    }
}
