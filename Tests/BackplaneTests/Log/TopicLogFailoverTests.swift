import Foundation
import NIOCore
import TestSupport
import Testing
import VolaryProtocol

@testable import VolaryBackplane

/// Three nodes that follow one topic from a master to the replica that takes its place, each when it pleases, while publishers do the same and
/// say again what the old master had confirmed. Nothing is lost, however little the replica had, and whoever heard more than it.
struct TopicLogFailoverTests {
    private typealias Node = TopicLogRandomTests.Node

    private struct Publisher {
        let origin: NodeID
        /// At the old master, in order.
        var said: [LogModel.Message] = []
        /// What is to be said again, since it has moved.
        var again: [LogModel.Message]?
        var sequence: UInt64 = 0

        /// - Returns: the next message.
        mutating func next() -> LogModel.Message {
            if self.again?.isEmpty == false, let first = self.again?.removeFirst() { return first }
            self.sequence += 1
            let message = LogModel.Message(origin: self.origin, sequence: self.sequence)
            if self.again == nil { self.said.append(message) }
            return message
        }

        mutating func move() { if self.again == nil { self.again = self.said } }
    }

    @Test func `What is said again reaches every node`() {
        let seed = ProcessInfo.processInfo.environment["VOLARY_TEST_SEED"].flatMap(UInt64.init)
        for run in seed.map({ $0...$0 }) ?? 1...3000 {
            var random = SplitMix64(state: run)
            Self.run(&random, name: "VOLARY_TEST_SEED=\(run)")
        }
    }

    private static func run(_ random: inout SplitMix64, name: Comment) {
        var masters = [LogModel()]
        var publishers = (0..<3).map { Publisher(origin: NodeID(rawValue: 10 + UInt32($0))) }
        var nodes = [Node(1), Node(2), Node(3)]
        var hasMoved = [false, false, false]
        let pageEntries = 1 + random.below(4)

        func publish(_ publisher: Int) {
            let isNew = publishers[publisher].again != nil
            let isAgain = publishers[publisher].again?.isEmpty == false
            let message = publishers[publisher].next()
            let arrival = masters[isNew ? 1 : 0].publish(message, attempt: isAgain ? 1 : 0)
            for index in nodes.indices {
                if nodes[index].wasPlaced, !isAgain { nodes[index].due.insert(message) }
                if nodes[index].isLinked, hasMoved[index] == isNew { nodes[index].underWay.append(arrival) }
            }
        }
        func step(_ index: Int) {
            nodes[index].hear()
            nodes[index].ask(&masters[hasMoved[index] ? 1 : 0], pageEntries: pageEntries)
        }
        func move(_ index: Int) {
            guard !hasMoved[index] else { return }
            nodes[index].unlink()
            nodes[index].question = nil
            hasMoved[index] = true
        }

        for index in nodes.indices { nodes[index].link(masters[0]) }
        for _ in 0..<60 { for index in nodes.indices where random.below(2) == 0 { step(index) } }
        for index in nodes.indices { nodes[index].wasPlaced = true }
        for time in 0..<(60 + random.below(100)) {
            let which = random.below(3)
            switch random.below(100) {
            case 0..<25: publish(which)
            case 25..<80: step(which)
            case 80..<85 where time > 20:
                if masters.count == 1 { masters.append(masters[0].replica(lagging: random.below(4))) }
                publishers[which].move()
            case 85..<90 where masters.count > 1: move(which)
            case 90..<95: nodes[which].link(masters[hasMoved[which] ? 1 : 0])
            default: break
            }
        }
        if masters.count == 1 { masters.append(masters[0].replica(lagging: random.below(4))) }
        for index in nodes.indices { move(index) }
        for index in publishers.indices {
            publishers[index].move()
            repeat { publish(index) } while publishers[index].again?.isEmpty == false
        }
        for index in nodes.indices {
            nodes[index].link(masters[1])
            var steps = 0
            while nodes[index].machine.request != nil || nodes[index].question != nil || !nodes[index].underWay.isEmpty {
                step(index)
                steps += 1
                guard steps < 5000 else {
                    Issue.record("it does not settle; \(name)")
                    return
                }
            }
        }
        for node in nodes {
            let delivered = node.delivered
            #expect(Set(delivered).count == delivered.count, "twice; \(name)")
            for publisher in publishers {
                let own = delivered.filter { $0.origin == publisher.origin }.map(\.sequence)
                #expect(own == own.sorted(), "out of order; \(name)")
            }
            let missing = node.due.subtracting(delivered).map { "\($0.origin):\($0.sequence)" }.sorted()
            #expect(missing == [], "lost; gaps \(node.output.gaps) lost \(node.output.lost) \(name)")
        }
    }
}
