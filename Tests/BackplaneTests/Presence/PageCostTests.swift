import TestSupport
import Testing
import VolaryBackplane
import VolaryProtocol

/// For how long the largest page keeps Redis from everything else. Prints the figures.
@Suite(.serialized, .timeLimit(.minutes(5)))
struct PageCostTests {
    /// Microseconds of the slowest command since the log was emptied; 0: the log has none.
    static func slowest(_ server: RedisServer) -> Int {
        let answer = server.command("SLOWLOG", "GET", "1000") ?? ""
        // The first line is the number of entries. An entry begins with an array of six: number, time, duration, command.
        let lines = answer.split(separator: "\r\n").dropFirst()
        return lines.indices.filter { lines[$0] == "*6" && $0 + 3 < lines.endIndex }
            .compactMap { Int(lines[$0 + 3].dropFirst()) }.max() ?? 0
    }

    @Test(arguments: [3, 100, 300])
    func `However many nodes there are, with and without a filter`(nodes: Int) async throws {
        let server = try RedisServer.start()
        defer { server.stop() }
        try await PresenceKind.withRedis(server, stores: 1) { harness in
            let generator = PresenceGenerator(connections: 6000, nodes: nodes)
            try await generator.fill(harness)
            for group in [nil, PresenceGenerator.everyone] {
                // Of five pages the one that was disturbed least: other processes have these processors too.
                var (slowest, rows, time) = (Int.max, 0, Duration.zero)
                let query = ConnectionQuery(limit: 1000, group: group)
                for _ in 0..<5 {
                    server.command("CONFIG", "SET", "slowlog-log-slower-than", "0")
                    server.command("CONFIG", "SET", "slowlog-max-len", "1000")
                    server.command("SLOWLOG", "RESET")
                    let start = ContinuousClock.now
                    let page = try await harness.store.connections(query)
                    time += ContinuousClock.now - start
                    slowest = min(slowest, Self.slowest(server))
                    rows = page.connections.count
                    #expect(page.total == 6000 && page.hasMore && page.missing.isEmpty && page.nodes.count == nodes)
                }
                print("\(nodes) nodes, \(rows) rows: slowest script \(slowest) us, the page \(time / 5)")
                #expect(rows == 1000 && (1..<10_000).contains(slowest))
            }
        }
    }

    @Test
    func `A hundred readers at once pass no deadline, and nor do messages meanwhile`() async throws {
        let server = try RedisServer.start()
        defer { server.stop() }
        try await PresenceKind.withRedis(server, stores: 2) { harness in
            try await PresenceGenerator(connections: 6000, nodes: 100).fill(harness)
            let settings = BrokerSettings(canaryInterval: .milliseconds(500))
            try await BrokerKind.run([.redis(try RedisConfiguration(url: server.url), settings: settings)]) { nodes in
                try await nodes[0].broker.subscribe(to: .all)
                #expect(await eventually { nodes[0].broker.health.isUp })
                let start = ContinuousClock.now
                var slowest = Duration.zero
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for reader in 0..<100 {
                        let store = harness.stores[reader % 2]
                        group.addTask {
                            let page = try await store.connections(ConnectionQuery(limit: 1000))
                            #expect(page.connections.count == 1000)
                        }
                    }
                    for number in 0..<20 {
                        let asked = ContinuousClock.now
                        #expect(await nodes[0].publish("\(number)") == .success(.relayed(receivers: 1)))
                        slowest = max(slowest, ContinuousClock.now - asked)
                        try await Task.sleep(for: .milliseconds(20))
                    }
                    try await group.waitForAll()
                }
                print("100 readers: done after \(ContinuousClock.now - start), a message took \(slowest) at most")
                let health = nodes[0].broker.health
                #expect(health.isUp && health.interruptions == 0 && nodes[0].receiver.missed.isEmpty)
            }
        }
    }
}
