import TestSupport
import Testing
import VolaryProtocol

@testable import VolaryBackplane

/// Redis comes back with earlier data. Messages that only some of the nodes know of are gone, and with them whatever could show the
/// others that something is missing in their topics.
@Suite(.timeLimit(.minutes(3)))
struct LostEpochTests {
    private static let red = LoggedCluster.topics[2]

    /// Redis keeps what all topics have now. The last node is cut off while `body` runs, which publishes; then Redis restarts.
    private static func losing(
        of count: Int,
        _ body: (LoggedCluster) async throws -> Void,
        then check: (LoggedCluster) async throws -> Void
    ) async throws {
        try await LoggedCluster.run(of: count, persistence: ["--dbfilename", "earlier.rdb"]) { cluster in
            await cluster.nodes[0].broker.unsubscribe(from: Self.red)
            for topic in LoggedCluster.topics { await cluster.publish(["first"], to: topic) }
            #expect(await eventually { cluster.last.receiver.count == LoggedCluster.topics.count })
            // Each node knows the epoch.
            let executed = cluster.server.calls(of: "evalsha")
            #expect(await eventually { cluster.server.calls(of: "evalsha") > executed + 4 * count })
            #expect(cluster.server.command("SAVE") == "+OK\r\n")
            try await cluster.cutOffLast()
            #expect(await eventually { cluster.server.subscribers(to: Self.red) == count - 2 })
            try await body(cluster)
            try cluster.restart()
            try await cluster.bringBackLast()
            #expect(await cluster.isUp(after: 1))
            try await check(cluster)
        }
    }

    /// Nothing more is published.
    private static func isTold(_ cluster: LoggedCluster) async -> Bool {
        await eventually(within: LoggedCluster.timeout) { cluster.last.receiver.missed.contains { $0.topic == Self.red } }
    }

    @Test func `A node that was cut off is told that messages of others may be missing, if one of these remembers its own`()
        async throws
    {
        try await Self.losing(of: 2) { cluster in
            await cluster.publish((0..<10).map { "lost \($0)" }, to: Self.red)
        } then: { cluster in
            #expect(await Self.isTold(cluster))
            #expect(cluster.last.receiver.missed.allSatisfy { $0.lost == nil })
            await cluster.publish(["after"], to: Self.red)
            #expect(await eventually { cluster.last.receiver.texts.last == "after" })
        }
    }

    @Test func `A node that was cut off is told, if another has received what its publisher does not live to repeat`()
        async throws
    {
        try await Self.losing(of: 3) { cluster in
            try await BrokerKind.run([.redis(.init(url: cluster.server.url))]) { publishers in
                for number in 0..<10 {
                    #expect(await eventually { publishers[0].broker.health.isUp })
                    #expect(await publishers[0].publish("lost \(number)", to: Self.red) == .success(.relayed(receivers: 1)))
                }
            }
            #expect(await eventually { cluster.nodes[1].receiver.texts.last == "lost 9" })
        } then: { cluster in
            #expect(await Self.isTold(cluster))
        }
    }

    @Test func `A Redis that comes back with all its data is nothing to tell of`() async throws {
        try await Self.losing(of: 2) { cluster in
            await cluster.publish((0..<10).map { "kept \($0)" }, to: Self.red)
            #expect(cluster.server.command("SAVE") == "+OK\r\n")
        } then: { cluster in
            #expect(await eventually(within: LoggedCluster.timeout) { cluster.last.receiver.texts.last == "kept 9" })
            await cluster.publish(["after"], to: Self.red)
            #expect(await eventually { cluster.last.receiver.texts.last == "after" })
            // Nodes have asked what Redis has lost since.
            let executed = cluster.server.calls(of: "evalsha")
            #expect(await eventually { cluster.server.calls(of: "evalsha") > executed + 8 })
            #expect(cluster.nodes.allSatisfy { $0.receiver.missed.isEmpty && $0.broker.health.gaps == 0 })
        }
    }
}

extension RedisServer {
    /// How often Redis has carried a command out.
    fileprivate func calls(of command: String) -> Int {
        let found = self.info("commandstats").split(separator: "\r\n").first { $0.hasPrefix("cmdstat_\(command):calls=") }
        return found?.split(separator: "=").dropFirst().first?.split(separator: ",").first.flatMap { Int($0) } ?? 0
    }
}
