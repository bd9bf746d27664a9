import Foundation
import NIOCore
import TestSupport
import Testing
import VolaryBackplane
import VolaryProtocol

@testable import VolaryNode

/// Serialized, because many nodes at once would slow each other down on a busy machine.
@Suite(.serialized) struct FailedPublicationTests {
    struct Row: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let error: BrokerError
        var isUp = true
        let notice: String
    }

    private static let rows = [
        Row(testDescription: "too large", error: .tooLarge, notice: "it is too large for the cluster."),
        Row(
            testDescription: "refused by Redis",
            error: .refused,
            notice: "the cluster does not take it, and would not if you sent it again."
        ),
        Row(
            testDescription: "no room for those who are away",
            error: .idleHistoryFull,
            notice: "nobody is there to get it, and too much waits for those who are away. Try again later."
        ),
        Row(testDescription: "no room", error: .outboxFull, notice: "too much waits to be sent. Try again later."),
        Row(
            testDescription: "no room, since Redis is away",
            error: .outboxFull,
            isUp: false,
            notice: "the cluster cannot be reached. Try again later."
        ),
    ]

    @Test(arguments: Self.rows)
    func `A client whose message the relay does not take is told why`(row: Row) async throws {
        let broker = RecordingBroker(outcome: .failure(row.error))
        let links = NodeServer.ClusterServices(broker: broker, store: MemoryPresenceStore(shared: MemoryPresence()))
        try await APITestNode.with(makeLinks: Self.always(links)) { node in
            let client = try await WebSocketTestClient.connect(port: node.port, path: "/ws")
            if !row.isUp { broker.fail() }
            try await client.send("Hello!")
            let texts = [try await client.next(), try await client.next()]
            let types = texts.map { text -> [String] in
                guard case .text(let text) = text,
                    let object = try? JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
                else { return [] }
                return ["type", "message"].compactMap { object[$0] as? String }
            }
            #expect(types == [["echo", "Hello!"], ["system", "Your message was not delivered: \(row.notice)"]])
        }
    }

    @Test func `A client whose messages have no room is not heard for a moment after each 64`() async throws {
        let broker = RecordingBroker(outcome: .failure(.outboxFull))
        let links = NodeServer.ClusterServices(broker: broker, store: MemoryPresenceStore(shared: MemoryPresence()))
        try await APITestNode.with(makeLinks: Self.always(links)) { node in
            let client = try await WebSocketTestClient.connect(port: node.port, path: "/ws")
            let start = ContinuousClock.now
            for number in 0..<130 { try await client.send("\(number)") }
            #expect(await eventually { broker.texts.count(where: { Int($0) != nil }) == 130 })
            #expect(ContinuousClock.now - start >= .milliseconds(190))
        }
    }

    private static func always(
        _ links: NodeServer.ClusterServices
    ) -> @Sendable (NodeID, any EventLoop) -> NodeServer.ClusterServices {
        { _, _ in links }
    }
}
