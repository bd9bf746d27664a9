import NIOConcurrencyHelpers
import TestSupport
import Testing
import VolaryBackplane
import VolaryProtocol

/// What nodes publish while something happens: two hundred messages a second on each of four topics where there are three nodes, numbered
/// by topic and node.
final class SteadyLoad: Sendable {
    /// `<topic> <index of the node> <number>`
    struct Message: Hashable, Sendable {
        let topic: Substring
        let node: Int
        let number: Int

        init?(_ text: String) {
            let parts = text.split(separator: " ")
            guard parts.count == 3, let node = Int(parts[1]), let number = Int(parts[2]) else { return nil }
            (self.topic, self.node, self.number) = (parts[0], node, number)
        }
    }

    private let nodes: [BrokerEndpoint]
    private let topics: [Topic]
    private let rounds = NIOLockedValueBox(0)
    private let refused = NIOLockedValueBox(0)

    /// - Parameter nodes: all of them publish.
    init(on nodes: [BrokerEndpoint], to topics: [Topic] = LoggedCluster.topics) {
        self.nodes = nodes
        self.topics = topics
    }

    /// Messages of one node on one topic.
    var perTopic: Int { self.rounds.withLockedValue { $0 } }

    /// Publishes while `body` runs.
    func run(_ body: () async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                while !Task.isCancelled {
                    self.publish()
                    try? await Task.sleep(for: .milliseconds(15))
                }
            }
            defer { group.cancelAll() }
            try await self.goOn()
            try await body()
            try await self.goOn()
        }
    }

    /// Returns when some more has been published.
    func goOn(_ rounds: Int = 10) async throws {
        let goal = self.perTopic + rounds
        while self.perTopic < goal { try await Task.sleep(for: .milliseconds(2)) }
    }

    private func publish() {
        let number = self.rounds.withLockedValue { $0 }
        for (index, node) in self.nodes.enumerated() {
            for topic in self.topics {
                let name = "\(topic)".filter { $0 != " " }
                node.broker.publish(.text("\(name) \(index) \(number)", from: node.node), to: topic) { [refused] outcome in
                    if case .failure = outcome { refused.withLockedValue { $0 += 1 } }
                }
            }
        }
        self.rounds.withLockedValue { $0 += 1 }
    }

    // MARK: - What has become of it

    private func received(by node: BrokerEndpoint) -> [Message] { node.receiver.texts.compactMap(Message.init) }

    /// Waits until every node has every message; then each has come once, and in one order.
    /// - Parameter publishersOrder: whether that order must be each publisher's own.
    func expectAll(publishersOrder: Bool = true, sourceLocation: SourceLocation = #_sourceLocation) async {
        let expected = self.nodes.count * self.topics.count * self.perTopic
        let isComplete = await eventually(within: LoggedCluster.timeout) {
            self.nodes.allSatisfy { $0.receiver.count >= expected }
        }
        #expect(isComplete, "\(self.nodes.map(\.receiver.count)) of \(expected)", sourceLocation: sourceLocation)
        self.expectOrder(publishersOrder: publishersOrder, sourceLocation: sourceLocation)
        for node in self.nodes { #expect(Set(self.received(by: node)).count == expected, sourceLocation: sourceLocation) }
        #expect(self.refused.withLockedValue { $0 } == 0, sourceLocation: sourceLocation)
    }

    /// What has come has come once, each node's messages in their order, and, but for the receivers' own, which do not wait for a lost link,
    /// in one order on all nodes.
    /// - Parameter round: from which number on all receivers must have all, and so can be compared.
    func expectOrder(from round: Int = 0, publishersOrder: Bool = true, sourceLocation: SourceLocation = #_sourceLocation) {
        var orders: [[Substring: [Message]]] = []
        for node in self.nodes {
            let messages = self.received(by: node)
            #expect(Set(messages).count == messages.count, "something came twice", sourceLocation: sourceLocation)
            let byTopic = Dictionary(grouping: messages, by: \.topic)
            for (topic, messages) in byTopic where publishersOrder {
                for (publisher, own) in Dictionary(grouping: messages, by: \.node) {
                    let numbers = own.map(\.number)
                    #expect(numbers == numbers.sorted(), "of node \(publisher) on \(topic)", sourceLocation: sourceLocation)
                }
            }
            orders.append(byTopic)
        }
        for one in orders.indices {
            for other in orders.indices where other > one {
                func compared(_ index: Int) -> [Substring: [Message]] {
                    orders[index].mapValues { $0.filter { $0.node != one && $0.node != other && $0.number >= round } }
                }
                #expect(compared(one) == compared(other), "nodes \(one) and \(other)", sourceLocation: sourceLocation)
            }
        }
    }

    /// What two nodes have received from others has the same order, across all topics; and positions never fall.
    func expectHubOrder(sourceLocation: SourceLocation = #_sourceLocation) {
        let received = self.nodes.map { self.received(by: $0) }
        for one in received.indices {
            let positions = self.nodes[one].receiver.envelopes.compactMap(\.position)
            #expect(positions == positions.sorted(), "node \(one)", sourceLocation: sourceLocation)
            for other in received.indices where other > one {
                func compared(_ index: Int) -> [Message] { received[index].filter { $0.node != one && $0.node != other } }
                let (left, right) = (compared(one), compared(other))
                let difference = zip(left, right).first { $0 != $1 }
                #expect(
                    left.count == right.count && difference == nil,
                    "nodes \(one) and \(other)",
                    sourceLocation: sourceLocation
                )
            }
        }
    }

    /// Of the messages that each node published from a round on, how many a node has not got.
    func missing(at node: BrokerEndpoint, from round: Int = 0) -> Int {
        self.nodes.count * self.topics.count * (self.perTopic - round) - self.received(by: node).count { $0.number >= round }
    }
}
