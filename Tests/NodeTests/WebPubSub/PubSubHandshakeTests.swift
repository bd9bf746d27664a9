import Foundation
import TestSupport
import Testing
import VolaryProtocol

@testable import VolaryNode

/// Which handshakes of Web PubSub's clients are accepted, and how the others are refused.
@Suite(.serialized)
struct PubSubHandshakeTests {
    struct Row: Sendable, CustomTestStringConvertible {
        let testDescription: String
        /// `{t}` is a token with the claims below.
        var target = "/client/hubs/chat?access_token={t}"
        /// In JSON.
        var claims = "{}"
        var key = PubSubToken.key
        var algorithm = "HS256"
        var fields = ""
        var status = 101
        var problem = ""

        func request(host: String = "test") throws -> [UInt8] {
            let claims = try #require(try JSONSerialization.jsonObject(with: Data(self.claims.utf8)) as? [String: Any])
            let token = try PubSubToken.make("chat", claims, key: self.key, algorithm: self.algorithm)
            let text = HandshakeRequest.text(
                self.target.replacing("{t}", with: token),
                self.fields.replacing("{t}", with: token),
                host: host
            )
            return Array(text.utf8)
        }
    }

    private static var now: Int { Int(Date().timeIntervalSince1970) }

    private static let refused = [
        Row(
            testDescription: "no such path",
            target: "/client/hubs/chat/x?access_token={t}",
            status: 404,
            problem: "unknown-path"
        ),
        Row(testDescription: "a bad hub", target: "/client/hubs/1?access_token={t}", status: 400, problem: "invalid-name"),
        Row(testDescription: "the older path, no hub", target: "/client/?access_token={t}", status: 400, problem: "invalid-name"),
        Row(testDescription: "no token", target: "/client/hubs/chat", status: 401, problem: "unauthorized"),
        Row(testDescription: "an empty token", target: "/client/hubs/chat?access_token=", status: 401, problem: "unauthorized"),
        Row(testDescription: "no token at all", target: "/client/hubs/chat?access_token=x", status: 401, problem: "unauthorized"),
        Row(testDescription: "a foreign key", key: TestKeys.secret, status: 401, problem: "unauthorized"),
        Row(testDescription: "another algorithm", algorithm: "none", status: 401, problem: "unauthorized"),
        Row(testDescription: "no expiry", claims: #"{"exp":null}"#, status: 401, problem: "unauthorized"),
        Row(testDescription: "expired", claims: #"{"exp":\#(Self.now - 301)}"#, status: 401, problem: "unauthorized"),
        Row(testDescription: "not yet valid", claims: #"{"nbf":\#(Self.now + 400)}"#, status: 401, problem: "unauthorized"),
        Row(testDescription: "no audience", claims: #"{"aud":null}"#, status: 401, problem: "unauthorized"),
        Row(
            testDescription: "another hub",
            claims: #"{"aud":"http://test/client/hubs/chats"}"#,
            status: 401,
            problem: "unauthorized"
        ),
        Row(
            testDescription: "another host",
            claims: #"{"aud":"http://t/client/hubs/chat"}"#,
            status: 401,
            problem: "unauthorized"
        ),
        Row(
            testDescription: "a token for REST",
            claims: #"{"aud":"http://test/api/hubs/chat"}"#,
            status: 401,
            problem: "unauthorized"
        ),
        Row(testDescription: "a bad group", claims: #"{"webpubsub.group":" "}"#, status: 400, problem: "invalid-name"),
        Row(
            testDescription: "a role for a bad group",
            claims: #"{"role":["webpubsub.sendToGroup."]}"#,
            status: 400,
            problem: "invalid-name"
        ),
        Row(
            testDescription: "an unknown mode",
            target: "/client/hubs/chat?access_token={t}&webpubsub_mode=x",
            status: 400,
            problem: "invalid-query"
        ),
        Row(
            testDescription: "a mode without a group",
            target: "/client/hubs/chat?access_token={t}&webpubsub_mode=sendToGroup",
            status: 400,
            problem: "invalid-query"
        ),
        Row(
            testDescription: "noEcho that is no switch",
            target: "/client/hubs/chat?access_token={t}&noEcho=1",
            status: 400,
            problem: "invalid-query"
        ),
    ]

    private static let accepted = [
        Row(testDescription: "a token in the query"),
        Row(testDescription: "in any case", target: "/client/hubs/chat?Access_Token={t}"),
        Row(testDescription: "in the header", target: "/client/hubs/chat", fields: "Authorization: Bearer {t}\r\n"),
        Row(testDescription: "the query goes before the header", fields: "Authorization: Bearer x\r\n"),
        Row(testDescription: "the hub in any case", target: "/client/hubs/CHAT?access_token={t}"),
        Row(testDescription: "an encoded hub", target: "/client/hubs/%63hat?access_token={t}"),
        Row(testDescription: "the older path", target: "/client/?hub=chat&access_token={t}"),
        Row(testDescription: "the older path without a slash", target: "/client?access_token={t}&hub=chat"),
        Row(testDescription: "an audience of the older form", claims: #"{"aud":["x","ws://test/client/?hub=chat"]}"#),
        Row(testDescription: "any scheme", claims: #"{"aud":"wss://TEST/client/hubs/Chat/?a=b"}"#),
        Row(testDescription: "within the tolerance", claims: #"{"exp":\#(Self.now - 200),"nbf":\#(Self.now + 200)}"#),
        Row(testDescription: "any origin", fields: "Origin: https://other.example\r\n"),
        Row(testDescription: "unknown roles", claims: #"{"role":"x","iss":"y","jti":"z","sub":"ann"}"#),
        Row(
            testDescription: "a mode",
            target: "/client/hubs/chat?access_token={t}&webpubsub_mode=sendToGroup&group=a+b&noEcho=TRUE"
        ),
        Row(testDescription: "an empty mode", target: "/client/hubs/chat?access_token={t}&webpubsub_mode=x&webpubsub_mode="),
        Row(
            testDescription: "a bad mode with a subprotocol",
            target: "/client/hubs/chat?access_token={t}&webpubsub_mode=x",
            fields: "Sec-WebSocket-Protocol: json.webpubsub.azure.v1\r\n"
        ),
    ]

    /// Status and problem of the answer.
    private func answer(_ row: Row, _ node: APITestNode) async throws -> (status: Int?, problem: String, text: String) {
        let (text, _) = try await node.answer(to: try row.request()) { $0.contains("\r\n\r\n") }
        let problem = text.firstRange(of: "urn:volary:problem:").map { text[$0.upperBound...].prefix { $0 != "\"" } } ?? ""
        return (Int(text.dropFirst(9).prefix(3)), String(problem), text)
    }

    @Test func `A handshake that is not valid gets the status of its fault`() async throws {
        try await PubSubNode.with { node in
            for row in Self.refused {
                let (status, problem, text) = try await self.answer(row, node)
                #expect(status == row.status && problem == row.problem, "\(row.testDescription): \(text)")
            }
        }
    }

    @Test func `A handshake with a token for the hub is accepted, wherever the token is`() async throws {
        try await PubSubNode.with { node in
            for row in Self.accepted {
                let (status, _, text) = try await self.answer(row, node)
                #expect(status == 101, "\(row.testDescription): \(text)")
            }
        }
    }

    @Test(arguments: ["/client/hubs/chat", "/client/hubs/1", "/client", "/client/", "/client/?hub=chat"])
    func `A request that is no handshake gets 400`(path: String) async throws {
        try await PubSubNode.with { node in
            let answer = try await node.http.request("GET", path)
            #expect(answer.status == 400 && answer.problem == "not-a-websocket")
        }
    }

    @Test func `Without an access key nobody connects`() async throws {
        try await APITestNode.with { node in
            let (status, problem, text) = try await self.answer(Row(testDescription: ""), node)
            #expect(status == 401 && problem == "unauthorized" && text.contains("--access-keys"))
        }
    }

    @Test func `Configured origins are the only ones`() async throws {
        try await PubSubNode.with([.allowedOrigins: "https://app.example"]) { node in
            for (origin, expected) in [("https://app.example", 101), ("http://test", 101), ("https://other.example", 403)] {
                let row = Row(testDescription: "", fields: "Origin: \(origin)\r\n")
                let status = try await self.answer(row, node).status
                #expect(status == expected, "\(origin)")
            }
        }
    }

    @Test func `Configured names take the place of Host`() async throws {
        try await PubSubNode.with([.publicHosts: "push.example:8443, other.example"]) { node in
            for (host, expected) in [
                ("push.example:8443", 101), ("other.example:443", 101), ("other.example", 101), ("test", 401),
            ] {
                let row = Row(testDescription: "", claims: #"{"aud":"https://\#(host)/client/hubs/chat"}"#)
                let status = try await self.answer(row, node).status
                #expect(status == expected, "\(host)")
            }
        }
    }

    @Test(
        arguments: [
            ([], nil), (["json.webpubsub.azure.v1"], "json.webpubsub.azure.v1"),
            (["JSON.WebPubSub.Azure.V1"], "JSON.WebPubSub.Azure.V1"),
            (["json.reliable.webpubsub.azure.v1", "json.webpubsub.azure.v1"], "json.reliable.webpubsub.azure.v1"),
            (["json.webpubsub.azure.v1", "json.reliable.webpubsub.azure.v1"], "json.webpubsub.azure.v1"),
            (["JSON.reliable.WebPubSub.Azure.V1"], "JSON.reliable.WebPubSub.Azure.V1"),
            (["x", "json.webpubsub.azure.v1"], "json.webpubsub.azure.v1"),
            (["protobuf.webpubsub.azure.v1", "protobuf.reliable.webpubsub.azure.v1"], nil), (["x"], nil), (["volary"], nil),
        ] as [([String], String?)]
    )
    func `The first protocol that is served is chosen, in the client's spelling`(offered: [String], chosen: String?) async throws
    {
        try await PubSubNode.with { node in
            let client = try await PubSubClient.connect(node, subprotocols: offered)
            #expect(client.socket.subprotocol == chosen)
            if chosen != nil { _ = try await client.connected() }
        }
    }

    @Test func `A client that wants to resume a connection is told to open a new one, whatever its token`() async throws {
        try await PubSubNode.with { node in
            let socket = try await WebSocketTestClient.connect(
                port: node.port,
                path: "/client/hubs/chat?access_token=x&awps_connection_id=a&awps_reconnection_token=b",
                options: .init(subprotocols: ["json.reliable.webpubsub.azure.v1"])
            )
            #expect(socket.subprotocol == "json.reliable.webpubsub.azure.v1")
            #expect(await socket.closed() == 1008)
            #expect(socket.closeReason == "The connection could not be recovered.")
            // An empty id is none.
            let row = Row(testDescription: "", target: "/client/hubs/chat?access_token={t}&awps_connection_id=")
            #expect(try await self.answer(row, node).status == 101)
        }
    }

    @Test func `Over HTTP/2 the same`() async throws {
        try await HTTP2Node.with([.accessKey: PubSubToken.key]) { client, _ in
            let roles = ["webpubsub.joinLeaveGroup", "webpubsub.sendToGroup"]
            let token = try PubSubToken.make("chat", ["role": roles, "sub": "ann"])
            let path = "/client/hubs/chat?access_token=\(token)"
            let stream = try await client.webSocket(path, [("sec-websocket-protocol", "JSON.webpubsub.azure.v1")])
            #expect(stream[field: "sec-websocket-protocol"] == "JSON.webpubsub.azure.v1")
            try await stream.send(ClientFrame.text(#"{"type":"joinGroup","group":"g","ackId":1}"#))
            try await stream.send(ClientFrame.text(#"{"type":"sendToGroup","group":"g","data":1}"#))
            let frames = await stream.frames(3)
            guard case .text(let first) = frames.first else {
                Issue.record("\(frames)")
                return
            }
            #expect(first.hasPrefix(#"{"type":"system","event":"connected","userId":"ann","connectionId":""#))
            let message = #"{"type":"message","from":"group","group":"g","fromUserId":"ann","dataType":"json","data":1}"#
            #expect(frames.dropFirst() == [.text(PubSubClient.ack(1)), .text(message)])
            let resuming = try await client.webSocket("/client/hubs/chat?awps_connection_id=a")
            #expect(await resuming.frames(1) == [.close(1008, "The connection could not be recovered.")])
            for (path, status) in [("/client/hubs/chat", 401), ("/client/hubs/1", 400), ("/client/?hub=chat", 401)] {
                let refused = try await client.connect(path)
                #expect(await eventually { refused.status != nil })
                #expect(refused.status == status, "\(path)")
            }
        }
    }
}
