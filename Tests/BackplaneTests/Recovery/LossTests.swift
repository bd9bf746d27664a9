import TestSupport
import Testing
import VolaryProtocol

@testable import VolaryBackplane

/// Faults that may cost something: what is lost is counted and told, comes never twice, and nothing stalls.
@Suite(.serialized, .timeLimit(.minutes(3)))
struct LossTests {
    @Test
    func `A node that was away for longer than the log holds knows how many messages it missed, and of which topic`() async throws
    {
        try await LoggedCluster.run(of: 3, settings: .init(historyMessages: 16)) { cluster in
            let (busy, calm) = (LoggedCluster.topics[1], LoggedCluster.topics[2])
            await cluster.publish(["before"], to: busy)
            #expect(await eventually(within: LoggedCluster.timeout) { cluster.last.receiver.count == 1 })
            try await cluster.cutOffLast()
            let missed = (0..<100).map { "busy \($0)" }
            let kept = (0..<10).map { "calm \($0)" }
            for text in missed { cluster.nodes[0].post(text, to: busy) }
            for text in kept { cluster.nodes[1].post(text, to: calm) }
            #expect(
                await eventually(within: LoggedCluster.timeout) { cluster.nodes[..<2].allSatisfy { $0.receiver.count == 111 } }
            )
            try await cluster.bringBackLast()
            // Told after the messages around it.
            #expect(await eventually { !cluster.last.receiver.missed.isEmpty })
            let texts = cluster.last.receiver.texts
            let recovered = texts.filter { $0.hasPrefix("busy") }
            #expect((1...16).contains(recovered.count) && recovered == missed.suffix(recovered.count))
            #expect(texts.filter { $0.hasPrefix("calm") } == kept)
            let lost = 100 - recovered.count
            #expect(cluster.last.receiver.missed == [BrokerGap(topic: busy, lost: lost)])
            let health = cluster.last.broker.health
            #expect(health.lost == lost && health.gaps == 0 && health.recovered == recovered.count + 10)
            await cluster.publish(["after"], to: busy)
            #expect(await eventually { cluster.nodes.allSatisfy { $0.receiver.texts.last == "after" } })
            #expect(cluster.nodes[..<2].allSatisfy { $0.receiver.missed.isEmpty && $0.broker.health.lost == 0 })
        }
    }

    @Test
    func `A Redis that comes back empty, under load: a gap for each topic, and everything flows`() async throws {
        try await LoggedCluster.run(of: 3) { cluster in
            let load = SteadyLoad(on: cluster.nodes)
            var back = 0
            try await load.run {
                for round in 1...2 {
                    try cluster.restart(erasing: true)
                    #expect(await cluster.isUp(after: round))
                    back = load.perTopic + 1
                    try await load.goOn()
                }
            }
            #expect(
                await eventually(within: LoggedCluster.timeout) {
                    cluster.nodes.allSatisfy { load.missing(at: $0, from: back) == 0 }
                }
            )
            load.expectOrder(from: back)
            for node in cluster.nodes {
                #expect(node.broker.health.gaps == 2 * LoggedCluster.topics.count && node.broker.health.lost == 0)
                #expect(await eventually { node.receiver.missed.count >= 2 * LoggedCluster.topics.count })
                #expect(node.receiver.missed.count == 2 * LoggedCluster.topics.count)
                #expect(node.receiver.missed.allSatisfy { $0.lost == nil })
                #expect(Set(node.receiver.missed.map(\.topic)) == Set(LoggedCluster.topics))
            }
        }
    }

    @Test(
        arguments: [false, true]
    )
    func `A Redis that comes back with an earlier state: told, and followed`(underLoad: Bool) async throws {
        try await LoggedCluster.run(of: 3, persistence: ["--dbfilename", "earlier.rdb"]) { cluster in
            let load = SteadyLoad(on: cluster.nodes)
            for topic in LoggedCluster.topics { await cluster.publish((0..<5).map { "first \($0)" }, to: topic) }
            var back = 0
            if underLoad {
                try await load.run {
                    #expect(cluster.server.command("SAVE") == "+OK\r\n")
                    try await load.goOn(30)
                    try cluster.restart()
                    #expect(await cluster.isUp(after: 1))
                    back = load.perTopic + 1
                    try await load.goOn()
                }
            } else {
                #expect(cluster.server.command("SAVE") == "+OK\r\n")
                for topic in LoggedCluster.topics { await cluster.publish((0..<5).map { "second \($0)" }, to: topic) }
                #expect(await eventually { cluster.nodes.allSatisfy { $0.receiver.count == 40 } })
                try cluster.restart()
                #expect(await cluster.isUp(after: 1))
                try await load.run {}
            }
            #expect(
                await eventually(within: LoggedCluster.timeout) {
                    cluster.nodes.allSatisfy { load.missing(at: $0, from: back) == 0 }
                }
            )
            load.expectOrder(from: back)
            for node in cluster.nodes {
                let others = node.receiver.texts.filter { $0.hasPrefix("first") || $0.hasPrefix("second") }
                #expect(others.count == (underLoad ? 20 : 40))
                #expect(node.broker.health.gaps >= LoggedCluster.topics.count && node.broker.health.lost == 0)
                #expect(await eventually { Set(node.receiver.missed.map(\.topic)) == Set(LoggedCluster.topics) })
                #expect(node.receiver.missed.allSatisfy { $0.lost == nil })
            }
        }
    }

    @Test
    func `A log that is set back while all links live is told, and followed`() async throws {
        try await LoggedCluster.run(of: 3) { cluster in
            await cluster.publish((0..<5).map { "first \($0)" })
            let keys = LogKeys(.all)
            for key in keys.all { cluster.server.command("COPY", key, "\(key) earlier") }
            await cluster.publish((0..<5).map { "second \($0)" })
            for key in keys.all { cluster.server.command("RENAME", "\(key) earlier", key) }
            #expect(cluster.server.command("HGET", keys.head, "offset") == "$1\r\n5\r\n")
            await cluster.publish((0..<20).map { "third \($0)" })
            let expected = [("first", 5), ("second", 5), ("third", 20)].flatMap { name, count in
                (0..<count).map { "\(name) \($0)" }
            }
            #expect(
                await eventually(within: LoggedCluster.timeout) {
                    cluster.nodes.allSatisfy { $0.receiver.count >= expected.count && !$0.receiver.missed.isEmpty }
                }
            )
            for node in cluster.nodes {
                #expect(node.receiver.texts == expected)
                #expect(node.receiver.missed == [BrokerGap(topic: .all, lost: nil)])
                #expect(node.broker.health.gaps == 1 && node.broker.health.lost == 0)
            }
            #expect(await cluster.isUp())
        }
    }

    @Test
    func `Without a log, each lost link is a gap for each topic, told once`() async throws {
        try await LoggedCluster.run(of: 2, settings: .init(delivery: .atMostOnce)) { cluster in
            let load = SteadyLoad(on: cluster.nodes)
            try await cluster.suffer(cluster.killSubscribers, times: 3, under: load)
            let topics = LoggedCluster.topics.count
            for node in cluster.nodes {
                #expect(await eventually { node.receiver.missed.count >= 3 * topics })
                let health = node.broker.health
                #expect(health.gaps == 3 * topics && health.lost == 0 && health.recovered == 0)
                let told = Dictionary(grouping: node.receiver.missed, by: \.topic)
                #expect(
                    LoggedCluster.topics.allSatisfy { told[$0] == Array(repeating: BrokerGap(topic: $0, lost: nil), count: 3) }
                )
            }
            load.expectOrder()
        }
    }
}
