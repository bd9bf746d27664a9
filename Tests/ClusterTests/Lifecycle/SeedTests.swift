import TestSupport
import Testing

extension RealProcesses {
    /// The API tests that the project began with, under their names.
    @Suite
    struct SeedTests {
        @Test func `Get connections returns 200 with empty pool`() async throws {
            try await withSingleNode { node in
                let response = try await node.request("GET", "/api/connections")
                #expect(response.status == 200)
                #expect(response[header: "content-type"]?.hasPrefix("application/json") == true)
                let list: ConnectionList = try response.decode()
                #expect(list.count == 0)
                #expect(list.connections.isEmpty)
                #expect(list.complete)
                #expect(list.next == nil)
            }
        }

        @Test func `Broadcast empty message returns 400`() async throws {
            try await withSingleNode { node in
                let response = try await node.request("POST", "/api/connections/broadcast", body: #"{"message":""}"#)
                #expect(response.status == 400)
                #expect(try response.decode(Problem.self).field == "message")
            }
        }

        @Test func `Broadcast valid message returns 200 with zero recipients`() async throws {
            try await withSingleNode { node in
                let receipt = try await node.broadcast("Server is restarting in 5 minutes.")
                #expect(receipt.recipients == 0)
                #expect(receipt.nodes == [.init(node: "solo", recipients: 0)])
            }
        }

        @Test func `The WebSocket endpoint plain HTTP request returns 400`() async throws {
            try await withSingleNode { node in
                let response = try await node.request("GET", "/ws")
                #expect(response.status == 400)
                #expect(response[header: "content-type"] == "application/problem+json")
            }
        }
    }
}
