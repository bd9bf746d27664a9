import TestSupport
import Testing
import VolaryBackplane
import VolaryProtocol

/// Faults that cost nobody anything: three nodes on a real Redis, all of which publish, eight hundred messages a second on four topics.
@Suite(.serialized, .timeLimit(.minutes(3)))
struct RecoveryTests {
    private static func expectNoLoss(_ nodes: [BrokerEndpoint], sourceLocation: SourceLocation = #_sourceLocation) {
        for node in nodes {
            let health = node.broker.health
            #expect(health.lost == 0 && health.gaps == 0 && health.expired == 0, "\(health)", sourceLocation: sourceLocation)
            #expect(node.receiver.missed.isEmpty, sourceLocation: sourceLocation)
        }
    }

    @Test
    func `Subscribed connections that are killed again and again`() async throws {
        try await LoggedCluster.run(of: 3) { cluster in
            let load = SteadyLoad(on: cluster.nodes)
            try await cluster.suffer(cluster.killSubscribers, times: 5, under: load)
            await load.expectAll()
            Self.expectNoLoss(cluster.nodes)
            for node in cluster.nodes {
                #expect(node.broker.health.recovered > 0 && node.broker.health.interruptions == 5)
            }
        }
    }

    @Test
    func `All connections killed at once`() async throws {
        try await LoggedCluster.run(of: 3) { cluster in
            let load = SteadyLoad(on: cluster.nodes)
            let kill = {
                cluster.server.command("CLIENT", "KILL", "TYPE", "normal")
                cluster.killSubscribers()
            }
            try await cluster.suffer(kill, times: 5, under: load)
            await load.expectAll()
            Self.expectNoLoss(cluster.nodes)
        }
    }

    @Test
    func `A Redis whose scripts are flushed`() async throws {
        try await LoggedCluster.run(of: 3) { cluster in
            let load = SteadyLoad(on: cluster.nodes)
            try await load.run {
                for _ in 1...30 {
                    #expect(cluster.server.command("SCRIPT", "FLUSH") == "+OK\r\n")
                    try await load.goOn(3)
                }
                // And those that read.
                cluster.server.command("SCRIPT", "FLUSH")
                cluster.killSubscribers()
                #expect(await cluster.isUp(after: 1))
            }
            // While one node is refused, another has Redis learn the script: what is refused may be overtaken.
            await load.expectAll(publishersOrder: false)
            Self.expectNoLoss(cluster.nodes)
            for node in cluster.nodes { #expect(node.broker.health.interruptions == 1) }
            #expect(cluster.server.info("errorstats").contains("errorstat_NOSCRIPT:"))
        }
    }

    @Test
    func `A subscriber link that is lost after the scripts were flushed reports no loss`() async throws {
        try await LoggedCluster.run(of: 2) { cluster in
            for interruptions in 1...3 {
                cluster.server.command("SCRIPT", "FLUSH")
                cluster.killSubscribers()
                #expect(await cluster.isUp(after: interruptions))
                await cluster.publish(["\(interruptions)"])
            }
            Self.expectNoLoss(cluster.nodes)
        }
    }

    @Test
    func `A Redis that is killed and comes back with its data`() async throws {
        try await LoggedCluster.run(of: 3, persistence: ["--appendonly", "yes", "--appendfsync", "always"]) { cluster in
            let load = SteadyLoad(on: cluster.nodes)
            try await cluster.suffer({ try cluster.restart() }, times: 2, under: load)
            await load.expectAll()
            Self.expectNoLoss(cluster.nodes)
        }
    }

    @Test
    func `A node that was away for thousands of messages, some of them large, fetches them page by page`() async throws {
        try await LoggedCluster.run(of: 2) { cluster in
            try await cluster.cutOffLast()
            let small = (0..<1500).map { "small \($0)" }
            let large = (0..<8).map { "\($0)" + String(repeating: "x", count: 600_000) }
            for text in small { cluster.nodes[0].post(text, to: LoggedCluster.topics[1]) }
            for text in large { cluster.nodes[0].post(text) }
            #expect(await eventually(within: LoggedCluster.timeout) { cluster.nodes[0].receiver.count == 1508 })
            try await cluster.bringBackLast()
            #expect(await eventually { cluster.last.receiver.count == 1508 })
            let texts = cluster.last.receiver.texts
            #expect(texts.filter { $0.hasPrefix("small") } == small)
            #expect(texts.filter { !$0.hasPrefix("small") } == large)
            #expect(cluster.last.broker.health.recovered == 1508)
            Self.expectNoLoss(cluster.nodes)
        }
    }

    @Test
    func `Nodes that begin a topic's log at the same time agree on one`() async throws {
        try await LoggedCluster.run(of: 3) { cluster in
            for round in 0..<10 {
                let group = Topic.group(try #require(AudienceName("new\(round)" as String)))
                for node in cluster.nodes { try await node.broker.subscribe(to: group) }
                await withTaskGroup(of: Void.self) { tasks in
                    for (index, node) in cluster.nodes.enumerated() {
                        tasks.addTask { for number in 0..<20 { node.post("\(round) \(index) \(number)", to: group) } }
                    }
                }
            }
            #expect(await eventually(within: LoggedCluster.timeout) { cluster.nodes.allSatisfy { $0.receiver.count >= 600 } })
            for round in 0..<10 {
                let orders = cluster.nodes.map { $0.receiver.texts.filter { $0.hasPrefix("\(round) ") } }
                #expect(orders[0].count == 60 && orders.allSatisfy { $0 == orders[0] })
                #expect(cluster.server.command("HGET", "volary:2:h:{default}:top:group:new\(round)", "offset") == "$2\r\n60\r\n")
            }
            Self.expectNoLoss(cluster.nodes)
        }
    }
}
