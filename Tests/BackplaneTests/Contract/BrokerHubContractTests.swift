import TestSupport
import Testing
import VolaryBackplane
import VolaryProtocol

/// How every broker keeps hubs apart.
@Suite(.timeLimit(.minutes(2)))
struct BrokerHubContractTests {
    private static let hubs: [HubName] = ["default", "chat", "b`,.[]_1"].compactMap { HubName($0) }

    @Test(arguments: BrokerKind.allCases)
    func `What is published in one hub reaches the subscribers of that hub only`(kind: BrokerKind) async throws {
        try await kind.withCluster(of: Self.hubs.count) { nodes in
            for (node, hub) in zip(nodes, Self.hubs) { try await node.broker.subscribe(to: .all(hub)) }
            for (number, hub) in Self.hubs.enumerated() {
                for node in nodes {
                    #expect(await node.publish("\(number)", to: .all(hub)) == .success(.relayed(receivers: 1)))
                }
            }
            for (number, node) in nodes.enumerated() {
                #expect(await eventually { node.receiver.texts.count == nodes.count })
                #expect(node.receiver.texts == Array(repeating: "\(number)", count: nodes.count))
            }
        }
    }

    @Test(arguments: BrokerKind.allCases)
    func `A group and a user of two hubs are two of each, whatever their names`(kind: BrokerKind) async throws {
        try await kind.withCluster(of: 2) { nodes in
            let names = AwkwardNames.all.compactMap { AudienceName($0) } + ["all", "chat", "default", "group:a"]
            let (here, there) = (Self.hubs[1], Self.hubs[2])
            for name in names {
                try await nodes[1].broker.subscribe(to: .group(here, name))
                try await nodes[1].broker.subscribe(to: .user(there, name))
            }
            for (number, name) in names.enumerated() {
                for topic in [Topic.group(there, name), .group(.default, name), .user(here, name), .user(.default, name)] {
                    #expect(await nodes[0].publish("lost", to: topic) == .success(.relayed(receivers: 0)))
                }
                let group = await nodes[0].publish("group \(number)", to: .group(here, name))
                let user = await nodes[0].publish("user \(number)", to: .user(there, name))
                #expect(group == .success(.relayed(receivers: 1)) && user == .success(.relayed(receivers: 1)))
            }
            let expected = names.indices.flatMap { ["group \($0)", "user \($0)"] }
            #expect(await eventually { nodes[1].receiver.texts.count == expected.count })
            #expect(nodes[1].receiver.texts == expected)
        }
    }

    @Test(arguments: BrokerKind.allCases)
    func `A subscription in one hub ends without the one of the same name in another`(kind: BrokerKind) async throws {
        try await kind.withCluster(of: 2) { nodes in
            let topics = Self.hubs.map { Topic.group($0, "g") }
            for topic in topics { try await nodes[1].broker.subscribe(to: topic) }
            await nodes[1].broker.unsubscribe(from: topics[1])
            #expect(
                await eventually { await nodes[0].publish("probe", to: topics[1]) == .success(.relayed(receivers: 0)) }
            )
            for topic in [topics[0], topics[2]] {
                #expect(await nodes[0].publish("stays", to: topic) == .success(.relayed(receivers: 1)))
            }
            #expect(await eventually { nodes[1].receiver.texts.filter { $0 == "stays" }.count == 2 })
        }
    }
}
