import Foundation
import NIOConcurrencyHelpers
import NIOCore
import TestSupport
import Testing
import VolaryBackplane
import VolaryProtocol

/// A Redis that takes no message above 1 MiB, as its operator has configured it.
@Suite(.serialized, .timeLimit(.minutes(3)))
struct LargeMessageTests {
    private static func text(_ bytes: Int) -> String { String(repeating: "x", count: bytes) }

    /// Of a message in `Self.publishAll`.
    private struct Outcome {
        var result: Result<PublishOutcome, BrokerError>?
        var took = Duration.zero
    }

    /// Publishes all at once.
    private func publishAll(_ texts: [String], at node: BrokerEndpoint) async -> [Outcome] {
        let outcomes = NIOLockedValueBox(Array(repeating: Outcome(), count: texts.count))
        let start = ContinuousClock.now
        for (index, text) in texts.enumerated() {
            node.broker.publish(.text(text, from: node.node), to: .all) { result in
                outcomes.withLockedValue {
                    $0[index] = Outcome(result: result.map(\.withoutPosition), took: ContinuousClock.now - start)
                }
            }
        }
        _ = await eventually { outcomes.withLockedValue { $0.allSatisfy { $0.result != nil } } }
        return outcomes.withLockedValue { $0 }
    }

    private func withNodes(
        _ arguments: [String],
        delivery: BrokerSettings.Delivery = .logged,
        _ body: (RedisServer, [BrokerEndpoint]) async throws -> Void
    ) async throws {
        let server = try RedisServer.start(arguments: arguments)
        defer { server.stop() }
        let configuration = try RedisConfiguration(url: server.url)
        let settings = BrokerSettings(delivery: delivery)
        try await BrokerKind.run((0..<2).map { _ in .redis(configuration, settings: settings) }) { nodes in
            for node in nodes { try await node.broker.subscribe(to: .all) }
            #expect(await eventually { nodes.allSatisfy { $0.broker.health.isUp } })
            try await body(server, nodes)
        }
    }

    /// Less than the time after which a message that waits is given up: 5 s.
    private static let soon = Duration.seconds(4)

    @Test(
        arguments: ["proto-max-bulk-len", "client-query-buffer-limit"],
        BrokerSettings.Delivery.allCases
    )
    func `It alone is refused, without waiting for its end; all others come, in order, and nobody hears of an outage`(
        limit: String,
        delivery: BrokerSettings.Delivery
    ) async throws {
        try await self.withNodes(["--\(limit)", "1mb"], delivery: delivery) { _, nodes in
            for round in 0..<3 {
                let before = (0..<20).map { "before \(round).\($0)" }
                let after = (0..<20).map { "after \(round).\($0)" }
                // Below the limit, but large enough to be suspected.
                let fine = "fine \(round)" + Self.text(900_000)
                let outcomes = await self.publishAll(before + [Self.text(1_048_576)] + after + [fine], at: nodes[0])
                for (index, outcome) in outcomes.enumerated() {
                    let isLarge = index == before.count
                    #expect(outcome.result == (isLarge ? .failure(.tooLarge) : .success(.relayed(receivers: 2))), "\(index)")
                    #expect(outcome.took < Self.soon, "\(index)")
                }
                for node in nodes {
                    #expect(await eventually { node.receiver.texts.last == fine })
                    #expect(node.receiver.texts.suffix(41) == before + after + [fine])
                    #expect(node.receiver.count == 41 * (round + 1) && node.receiver.missed.isEmpty)
                }
            }
            #expect(await eventually { nodes.allSatisfy { $0.broker.health.isUp } })
            let health = nodes[0].broker.health
            #expect(health.expired == 0 && health.waiting == 0 && health.interruptions == 0, "\(health)")
        }
    }

    @Test
    func `Larger ones that wait behind it are refused with it`() async throws {
        try await self.withNodes(["--client-query-buffer-limit", "1mb"]) { _, nodes in
            let texts = ["a", Self.text(1_100_000), "b", Self.text(1_200_000), "c", Self.text(1_100_001), "d"]
            for (round, node) in nodes.enumerated() {
                let outcomes = await self.publishAll(texts, at: node)
                #expect(outcomes.map(\.result).filter { $0 == .failure(.tooLarge) }.count == 3)
                #expect(outcomes.allSatisfy { $0.took < Self.soon })
                #expect(await eventually { nodes.allSatisfy { $0.receiver.count >= 4 * (round + 1) } })
            }
            for node in nodes { #expect(node.receiver.texts == ["a", "b", "c", "d", "a", "b", "c", "d"]) }
        }
    }

    @Test
    func `A Redis that is killed and comes back, time and again, while a large message is under way gets it in the end`()
        async throws
    {
        try await self.withNodes(["--appendonly", "no"]) { server, nodes in
            let text = Self.text(8_000_000)
            for round in 0..<5 {
                let outcome = NIOLockedValueBox<Result<PublishOutcome, BrokerError>?>(nil)
                nodes[0].broker.publish(.text("\(round)" + text, from: nodes[0].node), to: .all) { result in
                    outcome.withLockedValue { $0 = result }
                }
                try await Task.sleep(for: .milliseconds(2))
                server.kill()
                try server.restart()
                #expect(await eventually { nodes.allSatisfy { $0.broker.health.isUp } })
                #expect(await eventually { nodes.allSatisfy { $0.receiver.texts.last?.hasPrefix("\(round)") == true } })
                guard case .success = outcome.withLockedValue({ $0 }) else {
                    Issue.record("\(outcome.withLockedValue { "\($0.debugDescription)" })")
                    return
                }
            }
            for node in nodes { #expect(node.receiver.count == 5) }
        }
    }

    @Test
    func `Connections that somebody closes are no reason to give up a message`() async throws {
        try await self.withNodes([]) { server, nodes in
            let text = Self.text(500_000)
            for number in 0..<40 {
                nodes[0].post("\(number) " + text)
                if number.isMultiple(of: 4) { server.command("CLIENT", "KILL", "TYPE", "normal") }
                try await Task.sleep(for: .milliseconds(20))
            }
            #expect(await eventually { nodes.allSatisfy { $0.receiver.count == 40 } })
            #expect(nodes[0].broker.health.expired == 0)
            for node in nodes { #expect(node.receiver.texts == (0..<40).map { "\($0) " + text }) }
        }
    }

    @Test
    func `An answer that is about one message refuses it, and costs no connection; one that is about the server does`()
        async throws
    {
        let redis = try await FakeRedis.start { _, received in
            var answer = (FakeRedis.greeting(to: received) ?? "") + FakeRedis.acknowledgement(of: received)
            answer += String(repeating: ":1\r\n", count: received.split(separator: "\r\n").count { $0 == "DEL" })
            for message in received.components(separatedBy: "SPUBLISH\r\n").dropFirst() {
                answer += message.contains("odd") ? "-ERR it is odd\r\n" : message.contains("no") ? "-NOPERM\r\n" : ":1\r\n"
            }
            return .text(answer)
        }
        let configuration = RedisConfiguration(port: redis.port)
        // Nothing comes back from this one: the canary is to have patience.
        let settings = BrokerSettings(delivery: .atMostOnce, canaryInterval: .seconds(60))
        try await BrokerKind.run([.redis(configuration, settings: settings)]) { nodes in
            #expect(await eventually { await nodes[0].publish("hello") == .success(.relayed(receivers: 1)) })
            #expect(await eventually { redis.connections == 2 })
            let outcomes = await self.publishAll(["one", "odd", "two"], at: nodes[0]).map(\.result)
            #expect(outcomes == [.success(.relayed(receivers: 1)), .failure(.refused), .success(.relayed(receivers: 1))])
            #expect(redis.connections == 2)
            #expect(await nodes[0].publish("no") == .success(.degraded(here: false)))
            #expect(await eventually { redis.connections > 2 })
        }
        await redis.stop()
    }
}
