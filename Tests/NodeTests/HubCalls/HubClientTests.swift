import TestSupport
import Testing
import VolaryHubs
import VolaryNode

/// A hub at `/hubs/{name}`, for plain WebSocket clients with JSON.
@Suite(.timeLimit(.minutes(3)))
struct HubClientTests {
    /// - Parameter body: gets the node's port.
    private static func withNode(_ hub: TestHub = TestHub(), _ body: (RunningNode) async throws -> Void) async throws {
        let hubs = HubNode()
        hubs.add("test", hub)
        let node = try await RunningNode.start([:], hubs: hubs.hubs)
        do { try await body(node) } catch { Issue.record(error) }
        try await node.stop()
    }

    private static func connect(_ node: RunningNode, path: String = "/hubs/test") async throws -> WebSocketTestClient {
        try await WebSocketTestClient.connect(
            port: node.port,
            path: path,
            options: .init(subprotocols: ["hub.volary.json"])
        )
    }

    @Test(arguments: [
        (#"{"id":1,"call":"add","args":[2,3]}"#, #"{"id":1,"result":5}"#),
        (#"{"args":[2,3],"id":"a","call":"ADD"}"#, #"{"id":"a","result":5}"#),
        (#"{"id":1,"call":"nothing"}"#, #"{"id":1,"result":null}"#),
        (#"{"id":1,"call":"who","args":["hi"]}"#, #"{"id":1,"result":"hi ?"}"#),
        (#"{"id":1,"call":"none"}"#, #"{"id":1,"error":"Unknown hub method 'none'"}"#),
        (#"{"id":1,"call":"add","args":[2]}"#, #"{"id":1,"error":"Failed to invoke 'add' due to an error on the server."}"#),
        (#"{"id":1,"call":"add","args":[2,3,4]}"#, #"{"id":1,"error":"Failed to invoke 'add' due to an error on the server."}"#),
        (#"{"id":1,"call":"add","args":[2,"b"]}"#, #"{"id":1,"error":"Failed to invoke 'add' due to an error on the server."}"#),
        (
            #"{"id":1,"call":"refuse"}"#,
            #"{"id":1,"error":"An unexpected error occurred invoking 'refuse' on the server. HubException: not today"}"#
        ),
        (#"{"id":1,"call":"crash"}"#, #"{"id":1,"error":"An unexpected error occurred invoking 'crash' on the server."}"#),
        (#"{"id":1,"call":"admin"}"#, #"{"id":1,"error":"Failed to invoke 'admin' because user is unauthorized"}"#),
        (#"{"id":1,"call":"member","args":[7]}"#, #"{"id":1,"error":"Failed to invoke 'member' because user is unauthorized"}"#),
        (#"{"id":1,"call":"total"}"#, #"{"id":1,"error":"Client sent 0 stream(s), Hub method expects 1."}"#),
    ])
    func `A call gets its answer, and no text of the program's own`(call: String, answer: String) async throws {
        try await Self.withNode { node in
            let client = try await Self.connect(node)
            #expect(client.subprotocol == "hub.volary.json")
            try await client.send(call)
            #expect(try await client.next() == .text(answer))
        }
    }

    @Test(arguments: [
        "", "[]", "{}", "{", #"{"id":1}"#, #"{"id":-1,"call":"nothing"}"#, #"{"id":1,"call":7}"#,
        #"{"id":1,"call":"add","args":{}}"#,
        #"{"stream":"a"}"#, #"{"cancel":null}"#,
    ])
    func `A message that is none of a hub's client ends the connection`(message: String) async throws {
        try await Self.withNode { node in
            let client = try await Self.connect(node)
            try await client.send(message)
            #expect(await client.closed() == 1007)
        }
    }

    @Test func `A REST caller reaches the hub's clients, with a call of its own or with a message`() async throws {
        try await Self.withNode { node in
            let client = try await Self.connect(node)
            try await client.send(#"{"id":1,"call":"nothing"}"#)
            _ = try await client.next()
            let rows = [
                (#"{"data":{"target":"note","arguments":["a",1]}}"#, #"{"event":"note","args":["a",1]}"#),
                (#"{"message":"hello"}"#, #"{"event":"message","args":["hello"]}"#),
                (#"{"data":{"target":"note"}}"#, #"{"event":"message","args":[{"target":"note"}]}"#),
            ]
            for (body, event) in rows {
                let path = "/api/connections/broadcast?hub=test"
                let answer = try await HTTPTestClient(port: node.port).request("POST", path, body: body)
                #expect(answer.status == 200)
                #expect(try await client.next() == .text(event))
            }
        }
    }

    @Test func `A hub may want clients with a user`() async throws {
        let hubs = HubNode()
        hubs.add("members", requiresUser: true, TestHub())
        let node = try await RunningNode.start([.insecureUserQuery: "on"], hubs: hubs.hubs)
        await #expect(throws: WebSocketTestClient.Failure.self) {
            _ = try await Self.connect(node, path: "/hubs/members")
        }
        let ann = try await Self.connect(node, path: "/hubs/members?user=ann")
        try await ann.send(#"{"id":1,"call":"who","args":["hi"]}"#)
        #expect(try await ann.next() == .text(#"{"id":1,"result":"hi ann"}"#))
        await ann.disconnect()
        try await node.stop()
    }
}
