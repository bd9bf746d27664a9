import TestSupport
import Testing
import VolaryProtocol

@testable import VolaryBackplane

/// What stays in Redis of topics that never had a subscriber.
@Suite(.timeLimit(.minutes(2)))
struct IdleHeadTests {
    /// While the name of Redis' data is new, every topic has a log and a head, which stays for an hour longer than the log. The
    /// sum of idle bytes bounds the number of topics, and so the heads that stay.
    @Test func `Heads that outlive their logs take a fifteenth of the bytes of idle topics`() async throws {
        let limit = 1024 * 1024
        try await LoggedCluster.run(of: 1, settings: BrokerSettings(idleHistoryBytes: limit)) { cluster in
            func push(_ name: String) async throws -> Result<PublishOutcome, BrokerError> {
                await cluster.nodes[0].publish("x", to: .group(try #require(AudienceName(name))))
            }
            var taken = 0
            while case .success = try await push("nobody \(taken)") { taken += 1 }
            // 1,048,576 by 4,608 and the size of the envelope. Pushes to more topics are refused, those to topics in use are not.
            #expect((200...227).contains(taken))
            for number in 0..<100 { #expect(try await push("another \(number)") == .failure(.idleHistoryFull)) }
            await cluster.publish(["here"], to: .group("blue"))
            let script = """
                local bytes = 0
                for _, key in ipairs(redis.call('KEYS', '*:top:group:*')) do bytes = bytes + redis.call('MEMORY', 'USAGE', key) end
                return {bytes, #redis.call('KEYS', '*:log:group:*'), #redis.call('KEYS', '*:top:group:*')}
                """
            func measure() throws -> [Int] {
                let answer = cluster.server.command("EVAL", script, "0") ?? ""
                let numbers = answer.split(separator: "\r\n").compactMap { $0.hasPrefix(":") ? Int($0.dropFirst()) : nil }
                try #require(numbers.count == 3)
                return numbers
            }
            // The logs expire, the minute ends, and the heads stay. From then on pushes to any number of topics write nothing.
            #expect(cluster.server.age(by: 301_000))
            let after = try measure()
            #expect(after[1] <= 1 && after[2] >= taken && after[0] <= limit / 15)
            let before = cluster.server.command("DBSIZE")
            for number in 0..<1000 { #expect(try await push("later \(number)") == .success(.relayed(receivers: 0))) }
            #expect(cluster.server.command("DBSIZE") == before)
            // The heads expire as well.
            #expect(cluster.server.age(by: 3_600_000))
            #expect(try measure()[2] <= LoggedCluster.topics.count)
        }
    }
}
