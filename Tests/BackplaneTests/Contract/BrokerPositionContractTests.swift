import NIOConcurrencyHelpers
import TestSupport
import Testing
import VolaryBackplane
import VolaryProtocol

/// The places of publications in their hub's order.
@Suite(.timeLimit(.minutes(2)))
struct BrokerPositionContractTests {
    @Test(arguments: [BrokerKind.memory, .redis])
    func `Publications of a hub have rising positions, whatever their topic and their node`(kind: BrokerKind) async throws {
        let hub = try #require(HubName("chat"))
        try await kind.withCluster(of: 2) { nodes in
            for node in nodes { for topic in [Topic.all, .all(hub)] { try await node.broker.subscribe(to: topic) } }
            var last: [HubName: Position] = [:]
            for number in 0..<60 {
                // Also topics that nobody uses.
                let topics: [Topic] = [.all, .group("blue"), .user("ann"), .all(hub), .group(hub, "blue"), .user(hub, "ann")]
                let topic = topics[number % topics.count]
                let position = try #require(await nodes[number % 2].position(of: "\(number)", to: topic), "\(topic)")
                let name = try #require(topic.hub)
                if let before = last[name] {
                    #expect(position > before)
                    if kind == .redis { #expect(position == Position(epoch: before.epoch, number: before.number + 1)) }
                }
                last[name] = position
            }
            #expect(await nodes[0].position(of: "own", to: .node(nodes[0].node)) == nil)
        }
    }

    @Test(arguments: [BrokerKind.memory, .redis])
    func `Messages arrive in the order of their positions`(kind: BrokerKind) async throws {
        try await kind.withCluster(of: 3) { nodes in
            let topics: [Topic] = [.all, .group("blue"), .user("ann")]
            for node in nodes { for topic in topics { try await node.broker.subscribe(to: topic) } }
            let positions = NIOLockedValueBox<[String: Position]>([:])
            await withTaskGroup(of: Void.self) { group in
                for (index, node) in nodes.enumerated() {
                    group.addTask {
                        for number in 0..<100 {
                            let text = "\(index) \(number)"
                            let position = await node.position(of: text, to: topics[number % topics.count])
                            positions.withLockedValue { $0[text] = position }
                        }
                    }
                }
            }
            #expect(await eventually { nodes.allSatisfy { $0.receiver.texts.count == 300 } })
            let known = positions.withLockedValue { $0 }
            #expect(Set(known.values).count == 300)
            let expected = known.sorted { $0.value < $1.value }.map(\.key)
            for node in nodes { #expect(node.receiver.texts == expected) }
        }
    }

    @Test func `What is not logged has no position`() async throws {
        try await BrokerKind.redisAtMostOnce.withCluster(of: 1) { nodes in
            try await nodes[0].broker.subscribe(to: .all)
            #expect(await nodes[0].publishWithPosition("x") == .success(.relayed(receivers: 1, at: nil)))
        }
    }
}
