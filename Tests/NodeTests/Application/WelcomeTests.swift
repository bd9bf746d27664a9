import Foundation
import NIOCore
import TestSupport
import Testing
import VolaryProtocol

@testable import VolaryNode

/// Serialized, because many nodes at once would slow each other down on a busy machine.
@Suite(.serialized)
struct WelcomeTests {
    private struct Welcome: Decodable, Hashable {
        let type: String
        let timestamp: String
        let id: String
        let node: String
        let user: String?
        let groups: [String]
    }

    private static func welcome(_ client: WebSocketTestClient) async throws -> Welcome {
        guard case .text(let text) = try await client.next() else { throw WebSocketTestClient.Failure.timeout }
        #expect(text.hasPrefix(#"{"type":"welcome","timestamp":""#), "\(text)")
        return try JSONDecoder().decode(Welcome.self, from: Data(text.utf8))
    }

    @Test
    func `The first message has the whole id, the node's name, the user and the groups of the token`() async throws {
        let file = try TemporaryFile(TestKeys.secret)
        let claims =
            #"{"sub":"auth0|7","exp":\#(Int(Date().timeIntervalSince1970) + 60),"groups":["/staff","a \"b\""],"scope":"read"}"#
        let headers = ["Authorization": "Bearer \(TestKeys.sign(json: claims))"]
        try await APITestNode.with([.jwtKey: file.path, .nodeName: "node-7"]) { node in
            let client = try await WebSocketTestClient.connect(
                port: node.port,
                path: "/ws?welcome=on",
                options: .init(headers: headers)
            )
            let welcome = try await Self.welcome(client)
            #expect((welcome.node, welcome.user, welcome.groups) == ("node-7", "auth0|7", ["/staff", "a \"b\""]))
            var listed: [String: Any]?
            _ = try await eventually {
                listed = try await node.http.request("GET", "/api/connections/\(welcome.id)", headers: headers).json
                return listed?["user"] != nil
            }
            #expect(listed?["groups"] as? [String] == welcome.groups)
        }
        withExtendedLifetime(file) {}
    }

    @Test
    func `It is the first also while everybody is being sent to`() async throws {
        try await APITestNode.with { node in
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask {
                    while !Task.isCancelled {
                        _ = try await node.http.request("POST", "/api/connections/broadcast?wait=none", body: #"{"message":"x"}"#)
                    }
                }
                for _ in 0..<40 {
                    let client = try await WebSocketTestClient.connect(port: node.port, path: "/ws?welcome=on")
                    let welcome = try await Self.welcome(client)
                    #expect((welcome.user, welcome.groups) == (nil, []))
                    try await client.close()
                }
                tasks.cancelAll()
                while let result = await tasks.nextResult() { _ = result }
            }
        }
    }

    @Test
    func `Who does not ask hears nothing; who asks in another way is told`() async throws {
        try await APITestNode.with { node in
            for query in ["", "?welcome=off", "?xwelcome=on"] {
                let client = try await WebSocketTestClient.connect(port: node.port, path: "/ws\(query)")
                try await client.send("x")
                guard case .text(let text) = try await client.next() else { throw WebSocketTestClient.Failure.timeout }
                #expect(text.contains(#""type":"echo""#))
            }
            let echo = try await WebSocketTestClient.connect(port: node.port, path: "/echo?welcome=on")
            try await echo.send("x")
            #expect(try await echo.next() == .text("x"))
            let handshake = [
                "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
                "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
            ]
            for query in ["welcome=", "welcome=true", "welcome=1", "welcome=on&welcome=on", "welcome=%6Fn"] {
                let answer = try await node.http.request("GET", "/ws?\(query)", headers: handshake)
                #expect((answer.status, answer.problem, answer.field) == (400, "invalid-query", "welcome"), "\(query)")
            }
        }
    }
}
