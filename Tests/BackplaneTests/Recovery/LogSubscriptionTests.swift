import TestSupport
import Testing
import VolaryBackplane
import VolaryProtocol

/// Topics that a node begins or ceases to follow while something else goes on.
@Suite(.serialized, .timeLimit(.minutes(3)))
struct LogSubscriptionTests {
    private let group = Topic.group("late")

    @Test
    func `A topic first subscribed to while Redis is away is followed from when it is back`() async throws {
        try await LoggedCluster.run(of: 2) { cluster in
            try await cluster.nodes[0].broker.subscribe(to: self.group)
            await cluster.publish(["old"], to: self.group)
            cluster.server.kill()
            #expect(await eventually(within: LoggedCluster.timeout) { cluster.nodes.allSatisfy { !$0.broker.health.isUp } })
            async let subscription: Void = cluster.last.broker.subscribe(to: self.group)
            cluster.nodes[0].post("waited", to: self.group)
            try cluster.restart()
            try await subscription
            let texts = (0..<50).map(String.init)
            for text in texts { cluster.nodes[0].post(text, to: self.group) }
            #expect(await eventually(within: LoggedCluster.timeout) { cluster.last.receiver.texts.last == "49" })
            // What waited for Redis may have gone out before or after.
            #expect([texts, ["waited"] + texts].contains(cluster.last.receiver.texts))
            #expect(await eventually { cluster.nodes[0].receiver.texts == ["old", "waited"] + texts })
            #expect(await cluster.isUp())
            #expect(!cluster.last.receiver.missed.contains { $0.topic == self.group })
        }
    }

    @Test
    func `A topic left and entered again and again, under load and with links that are lost, stalls never and comes never twice`()
        async throws
    {
        try await LoggedCluster.run(of: 2) { cluster in
            let (publisher, node) = (cluster.nodes[0], cluster.last)
            let load = SteadyLoad(on: cluster.nodes)
            try await load.run {
                for round in 0..<60 {
                    if round % 20 == 10 { cluster.server.command("CLIENT", "KILL", "TYPE", "pubsub") }
                    // Some of them before the one before is confirmed.
                    for _ in 0..<(round % 4) {
                        let wish = Task { try? await node.broker.subscribe(to: self.group) }
                        publisher.post("in between", to: self.group)
                        await node.broker.unsubscribe(from: self.group)
                        wish.cancel()
                        _ = await wish.value
                    }
                    try await node.broker.subscribe(to: self.group)
                    publisher.post("round \(round)", to: self.group)
                    #expect(await eventually(within: LoggedCluster.timeout) { node.receiver.texts.contains("round \(round)") })
                    await node.broker.unsubscribe(from: self.group)
                }
            }
            await load.expectAll()
            let rounds = node.receiver.texts.filter { $0.hasPrefix("round") }
            #expect(rounds == (0..<60).map { "round \($0)" })
            #expect(await cluster.isUp())
            for node in cluster.nodes { #expect(node.broker.health.gaps == 0 && node.broker.health.lost == 0) }
        }
    }
}
