import NIOCore
import TestSupport
import Testing
import VolaryProtocol

@testable import VolaryBackplane

/// How long one waits for the others.
@Suite(.timeLimit(.minutes(2)))
struct FairQueueTests {
    private func publication(_ text: String, of client: ConnectionID?) -> NodeMessage {
        .publication(
            Publication(
                id: .random(on: NodeID(rawValue: 1)),
                kind: client == nil ? .serverBroadcast : .message,
                sender: client,
                audience: .all,
                dataType: .text,
                timestamp: 1_781_330_400_000,
                confirmation: .none,
                payload: ByteBuffer(string: text)
            )
        )
    }

    @Test func `A push passes what hundreds of clients have waiting for Redis, and each client's messages keep their order`()
        async throws
    {
        try await LoggedCluster.run(of: 1) { cluster in
            let broker = cluster.nodes[0].broker
            let clients = (0..<400).map { _ in ConnectionID.random(on: NodeID(rawValue: 1)) }
            for (index, client) in clients.enumerated() {
                for number in 0..<64 {
                    broker.publish(self.publication("\(index) \(number)", of: client), to: .all, completion: nil)
                }
            }
            broker.publish(self.publication("push", of: nil), to: .all, completion: nil)
            let receiver = cluster.nodes[0].receiver
            #expect(await eventually(within: .seconds(60)) { receiver.count == 25_601 })
            let texts = receiver.texts
            let place = try #require(texts.firstIndex(of: "push"))
            // One window that is written and one that waits, a turn, and a round of the senders, each with room for what a busy machine adds.
            #expect(place < 6000, "\(place)")
            for (index, _) in clients.enumerated() where index % 50 == 0 {
                #expect(texts.filter { $0.hasPrefix("\(index) ") } == (0..<64).map { "\(index) \($0)" })
            }
        }
    }
}
