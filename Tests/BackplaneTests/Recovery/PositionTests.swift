import NIOCore
import TestSupport
import Testing
import VolaryProtocol

@testable import VolaryBackplane

/// Positions that nodes have told their callers, while Redis loses what it has.
@Suite(.timeLimit(.minutes(3)))
struct PositionTests {
    enum Loss: CaseIterable {
        case flushed, emptied, restored, headDeleted, headReset

        func happen(to cluster: LoggedCluster) async throws {
            let server = cluster.server
            let head = "\(RedisNames.standard.hub(.default)):head"
            switch self {
            case .flushed: server.command("FLUSHALL")
            case .headDeleted: server.command("DEL", head)
            case .headReset: server.command("HSET", head, "number", "1")
            case .emptied, .restored:
                try cluster.restart(erasing: self == .emptied)
                #expect(await cluster.isUp(after: 1))
            }
        }
    }

    @Test(arguments: Loss.allCases)
    func `Positions never go back, and no message is lost in silence or comes twice`(loss: Loss) async throws {
        try await LoggedCluster.run(of: 2) { cluster in
            var positions: [Position] = []
            func publish(_ text: String, from node: Int) async throws {
                positions.append(try #require(await cluster.nodes[node].position(of: text)))
            }
            for number in 0..<10 { try await publish("\(number)", from: number % 2) }
            #expect(cluster.server.command("SAVE") == "+OK\r\n")
            for number in 10..<30 { try await publish("\(number)", from: number % 2) }
            #expect(await eventually { cluster.nodes.allSatisfy { $0.receiver.count == 30 } })
            try await loss.happen(to: cluster)
            for number in 30..<40 { try await publish("\(number)", from: number % 2) }
            #expect(await eventually { cluster.nodes.allSatisfy { $0.receiver.texts.last == "39" } })
            #expect(zip(positions, positions.dropFirst()).allSatisfy { $0 < $1 && $0.number < $1.number })
            #expect(Set(positions.map(\.epoch)).count == 2)
            for node in cluster.nodes { #expect(node.receiver.texts == (0..<40).map(String.init)) }
        }
    }
}
