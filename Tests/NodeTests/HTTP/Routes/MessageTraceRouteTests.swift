import Foundation
import TestSupport
import Testing
import VolaryProtocol

@testable import VolaryNode

/// `/api/messages/{id}`: why did a message not arrive?
@Suite
struct MessageTraceRouteTests {
    private static func send(_ path: String, by node: APITestNode) async throws -> String {
        let answer = try await node.http.request("POST", path, body: #"{"message": "hello"}"#)
        return try #require(answer.json["id"] as? String, "\(answer.body)")
    }

    private static func findings(_ json: [String: Any]) -> String { (json["findings"] as? [String] ?? []).joined(separator: " ") }

    @Test func `Every node tells where a message went, who took it, and that nobody was there`() async throws {
        try await APITestNode.with(2, [.insecureUserQuery: "on"]) { nodes in
            let client = try await TestClient.open(port: nodes[1].port, path: "/ws?user=ann")
            let isThere = try await eventually {
                let answer = try await nodes[0].http.request("POST", "/api/users/ann/send", body: #"{"message": "first"}"#)
                return answer.json["recipients"] as? Int == 1
            }
            #expect(isThere)
            let id = try await Self.send("/api/users/ann/send", by: nodes[0])
            for node in nodes {
                let answer = try await node.http.request("GET", "/api/messages/\(id)")
                #expect(answer.status == 200)
                #expect(answer.json["publishedBy"] as? String == "node-1" && answer.json["connections"] as? Int == 1)
                #expect(answer.json["outcome"] as? String == "relayed" && answer.json["position"] as? String != nil)
                #expect((answer.json["audience"] as? [String: String]) == ["kind": "user", "name": "ann"])
                let reached = try #require(answer.json["nodes"] as? [[String: Any]])
                #expect(reached.map { $0["node"] as? String } == ["node-2"])
                #expect(reached.map { $0["state"] as? String } == ["delivered"])
                #expect((answer.json["missing"] as? [String]) == [])
                #expect(Self.findings(answer.json).contains("At node-2 1 connection took it."))
            }
            let nobody = try await Self.send("/api/users/nobody/send", by: nodes[0])
            let answer = try await nodes[1].http.request("GET", "/api/messages/\(nobody)")
            #expect(answer.status == 200 && answer.json["connections"] as? Int == 0)
            #expect((answer.json["nodes"] as? [Any])?.isEmpty == true)
            #expect(Self.findings(answer.json).contains("No node has got it"))
            await client.close()
        }
    }

    @Test func `A message that nobody remembers is 404, and the answer says how far the memories go back`() async throws {
        try await APITestNode.with(2, [.traceBytes: "64KiB"]) { nodes in
            let first = try await Self.send("/api/connections/broadcast", by: nodes[0])
            #expect(try await nodes[1].http.request("GET", "/api/messages/\(first)").status == 200)
            // The memory has room for about a hundred.
            for _ in 0..<150 { _ = try await Self.send("/api/connections/broadcast", by: nodes[0]) }
            for id in [first, PublicationID.random(on: NodeID(rawValue: 7)).description] {
                let answer = try await nodes[1].http.request("GET", "/api/messages/\(id)")
                #expect(answer.status == 404 && answer.problem == "unknown-message")
                let detail = try #require(answer.json["detail"] as? String)
                #expect(detail.contains("unknown, or forgotten") && detail.contains("node-1 back to 2"), "\(detail)")
                #expect(detail.contains("is not running") == (id != first))
            }
            #expect(try await nodes[0].http.request("GET", "/api/messages/none").problem == "unknown-message")
        }
    }

    @Test func `A node without a memory says so`() async throws {
        try await APITestNode.with([.traceBytes: "off"]) { node in
            let id = try await Self.send("/api/connections/broadcast", by: node)
            let answer = try await node.http.request("GET", "/api/messages/\(id)")
            #expect(answer.status == 404 && (answer.json["detail"] as? String)?.contains("--trace-bytes off") == true)
        }
    }
}
