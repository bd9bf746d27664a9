import TestSupport
import Testing
import VolaryProtocol

@testable import VolaryBackplane

/// One order of all topics of a hub, at every node, whether its messages were heard or read.
@Suite(.timeLimit(.minutes(3)))
struct HubOrderTests {
    @Test func `Nodes that lose their subscriptions again and again get all topics' messages in one order`() async throws {
        try await LoggedCluster.run(of: 4) { cluster in
            let load = SteadyLoad(on: cluster.nodes)
            try await cluster.suffer(cluster.killSubscribers, times: 5, under: load)
            await load.expectAll()
            load.expectHubOrder()
        }
    }

    @Test func `A node that comes back late reads all topics in one order`() async throws {
        try await LoggedCluster.run(of: 3) { cluster in
            var expected: [String] = []
            func publish(_ count: Int) async {
                for number in expected.count..<expected.count + count {
                    await cluster.publish(
                        ["\(number)"],
                        to: LoggedCluster.topics[number * 7 % LoggedCluster.topics.count],
                        from: number % 2
                    )
                    expected.append("\(number)")
                }
            }
            await publish(20)
            #expect(await eventually { cluster.last.receiver.count == 20 })
            for _ in 0..<3 {
                try await cluster.cutOffLast()
                await publish(100)
                try await cluster.bringBackLast()
                await publish(20)
                #expect(await eventually { cluster.last.receiver.count == expected.count })
                #expect(cluster.last.receiver.texts == expected)
                // Also those that were read have their positions.
                let positions = cluster.last.receiver.envelopes.map(\.position)
                #expect(positions == cluster.nodes[0].receiver.envelopes.map(\.position) && !positions.contains(nil))
            }
        }
    }
}
