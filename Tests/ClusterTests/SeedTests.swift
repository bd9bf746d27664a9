import TestSupport
import Testing

extension RealProcesses {
    /// The API tests that the project began with, under their names.
    @Suite("The seed's API tests")
    struct SeedTests {
        @Test func GetConnections_Returns200_WithEmptyPool() async throws {
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

        @Test func Broadcast_EmptyMessage_Returns400() async throws {
            try await withSingleNode { node in
                let response = try await node.request("POST", "/api/connections/broadcast", body: #"{"message":""}"#)
                #expect(response.status == 400)
                #expect(try response.decode(Problem.self).field == "message")
            }
        }

        @Test func Broadcast_ValidMessage_Returns200_WithZeroRecipients() async throws {
            try await withSingleNode { node in
                let receipt = try await node.broadcast("Server is restarting in 5 minutes.")
                #expect(receipt.recipients == 0)
                #expect(receipt.nodes == [.init(node: "solo", recipients: 0)])
            }
        }

        @Test func WsEndpoint_PlainHttpRequest_Returns400() async throws {
            try await withSingleNode { node in
                let response = try await node.request("GET", "/ws")
                #expect(response.status == 400)
                #expect(response[header: "content-type"] == "application/problem+json")
            }
        }
    }
}
