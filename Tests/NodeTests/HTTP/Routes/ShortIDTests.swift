import Foundation
import NIOCore
import TestSupport
import Testing
import VolaryBackplane
import VolaryProtocol

@testable import VolaryNode

/// Serialized, because many nodes at once would slow each other down on a busy machine.
@Suite(.serialized)
struct ShortIDTests {
    private static let other = NodeID(rawValue: 0x0A0B_0C0D)

    /// A node whose store also has connections of another node. `more` has their ids without the other node's 8 digits at the
    /// end.
    private static func withConnections(
        _ more: [String],
        registering: Bool = false,
        _ body: (APITestNode) async throws -> Void
    ) async throws {
        let presence = MemoryPresence()
        let store = MemoryPresenceStore(shared: presence)
        let record = NodeRecord(
            id: Self.other,
            name: "other",
            version: "1",
            startedAt: 0,
            leaseMilliseconds: 60_000,
            registering: registering
        )
        _ = try await store.register(record, claiming: .shared)
        let records = more.compactMap { ConnectionID("\($0)\(Self.other)") }.map {
            ConnectionRecord(id: $0, protocol: "plain", connectedAt: 0)
        }
        #expect(records.count == more.count)
        _ = try await store.update(Self.other, adding: records, removing: [])
        try await APITestNode.with(
            [:],
            makeLinks: { id, eventLoop in
                .init(broker: MemoryBroker(bus: MemoryBus(), node: id, eventLoop: eventLoop), store: store)
            },
            body
        )
    }

    private struct Answer: Hashable {
        let status: Int
        /// The expected problem of a refusal.
        var problem: String?
        /// The expected id.
        var found: String?
    }

    private static func get(_ node: APITestNode, _ id: String) async throws -> Answer {
        let answer = try await node.http.request("GET", "/api/connections/\(id)")
        return Answer(status: answer.status, problem: answer.problem, found: answer.json["id"] as? String)
    }

    @Test
    func `They are enough where one connection begins with them; where several do, all 32 are needed`() async throws {
        let ids = [
            "000000000000000000000000", "00000001ffffffffffffffff", "0000000200000000ffffffff", "000000020000000000000001",
            "7fffffff0000000000000000", "ffffffffffffffffffffffff",
        ]
        try await Self.withConnections(ids) { node in
            let unknown = Answer(status: 404, problem: "unknown-connection")
            func found(_ index: Int) -> Answer { Answer(status: 200, found: "\(ids[index])\(Self.other)") }
            for (short, expected) in [
                ("00000000", found(0)), ("00000001", found(1)), ("7fffffff", found(4)), ("ffffffff", found(5)),
                ("00000002", Answer(status: 409, problem: "ambiguous-connection")),
                ("00000003", unknown), ("80000000", unknown), ("fffffffe", unknown), ("FFFFFFFF", unknown),
                ("ffffffff0", unknown),
                ("fffffff", unknown),
            ] {
                let answer = try await Self.get(node, short)
                #expect(answer == expected, "\(short)")
            }
            #expect(try await Self.get(node, "\(ids[2])\(Self.other)").status == 200)
        }
    }

    @Test
    func `Every path that has an id takes them`() async throws {
        try await APITestNode.with { node in
            let client = try await WebSocketTestClient.connect(port: node.port)
            var id = ""
            _ = try await eventually {
                let list = try await node.http.request("GET", "/api/connections")
                id = (list.json["connections"] as? [[String: Any]])?.first?["id"] as? String ?? ""
                return !id.isEmpty
            }
            let short = String(id.prefix(8))
            #expect(try await Self.get(node, short).found == id)
            let push = try await node.http.request("POST", "/api/connections/\(short)/send", body: #"{"message":"x"}"#)
            #expect(push.json["recipients"] as? Int == 1)
            #expect(try await node.http.request("PUT", "/api/groups/g/connections/\(short)").status == 204)
            #expect(try await node.http.request("DELETE", "/api/groups/g/connections/\(short)").status == 204)
            #expect(try await node.http.request("DELETE", "/api/connections/\(short)?code=4001").status == 204)
            #expect(await client.closed(within: .seconds(20)) == 4001)
        }
    }

    @Test
    func `Where a node is not listed whole, one connection is not known to be the only one, and none is not known to be none`()
        async throws
    {
        let ids = ["000000010000000000000000", "000000020000000000000000", "000000020000000000000001"]
        try await Self.withConnections(ids, registering: true) { node in
            let unavailable = Answer(status: 503, problem: "presence-unavailable")
            for (id, expected) in [
                ("00000001", unavailable), ("00000003", unavailable),
                // Two matches are ambiguous in any case.
                ("00000002", Answer(status: 409, problem: "ambiguous-connection")),
                ("\(ids[0])\(Self.other)", Answer(status: 200, found: "\(ids[0])\(Self.other)")),
            ] {
                let answer = try await Self.get(node, id)
                #expect(answer == expected, "\(id)")
            }
        }
    }
}
