import Foundation
import NIOConcurrencyHelpers
import TestSupport
import Testing
import VolaryProtocol

@testable import VolaryNode

/// Handlers that decide who may connect, and hear who has connected and left.
@Suite(.serialized, .timeLimit(.minutes(5)))
struct ConnectHandlerTests {
    @Test func `The handler hears what the client has sent, and its answer counts`() async throws {
        let answer = #"{"userId":"bob","groups":["g"],"roles":["webpubsub.sendToGroup.g"]}"#
        try await HandlerNode.with {
            $0.event == "connect" ? .init(200, [("ce-connectionState", "s1"), ("Set-Cookie", "c=1")], answer) : .init()
        } _: { test in
            let client = try await PubSubClient.connect(
                test.node,
                "chat",
                ["sub": "ann", "webpubsub.group": ["x"]],
                query: "&tenant=7"
            )
            let connected = try await client.next()
            #expect(connected.contains(#""userId":"bob""#))
            let request = try #require(await test.handler.event("connect"))
            let id = try #require(request["ce-connectionId"])
            #expect(connected.contains(id) && request.target == "/chat/connect")
            #expect(request["ce-id"] == "0" && request["ce-userId"] == "ann" && request["ce-hub"] == "chat")
            #expect(request["webhook-request-origin"] == "localhost" && request["ce-subprotocol"] == nil)
            #expect(
                request["ce-signature"] == EventSignature.text(of: id, keys: [try #require(AccessKey(UTF8Text(PubSubToken.key)))])
            )
            let body = try #require(try JSONSerialization.jsonObject(with: Data(request.body)) as? [String: Any])
            #expect((body["claims"] as? [String: [String]])?["sub"] == ["ann"])
            #expect(body["query"] as? [String: [String]] == ["tenant": ["7"]])
            #expect(body["subprotocols"] as? [String] == [PubSubClient.json])
            #expect(!request.text.contains("access_token"))
            // Groups and roles replace those of the token.
            let list = try await test.node.request("GET", "/api/connections?hub=chat")
            let listed = (list.json["connections"] as? [[String: Any]])?.first
            #expect(listed?["groups"] as? [String] == ["g"] && listed?["user"] as? String == "bob")
            let send = #"{"type":"sendToGroup","group":"g","dataType":"text","data":"x","noEcho":true,"ackId":1}"#
            try await client.send([send], [PubSubClient.ack(1)])
            // Then it hears of the connection, with its state and cookies, and of its end.
            let opened = try #require(await test.handler.event("connected"))
            #expect(opened["ce-id"] == "1" && opened["ce-userId"] == "bob" && opened["ce-connectionState"] == "s1")
            #expect(opened["cookie"] == "c=1" && opened["ce-subprotocol"] == PubSubClient.json && opened.text == "{}")
            try await client.socket.send(.close, [3, 232] + Array("bye".utf8))
            let ended = try #require(await test.handler.event("disconnected"))
            #expect(ended["ce-id"] == "2" && ended.text == #"{"reason":"bye"}"# && ended["ce-connectionId"] == id)
            #expect(test.handler.events.map(\.event) == ["connect", "connected", "disconnected"])
            #expect(try await test.count("connect", "answered") == 1)
        }
    }

    @Test(arguments: [
        (HandlerServer.Answer(204), 101), (.init(200), 101), (.init(200, [], "null"), 101), (.init(401), 401),
        (.init(403), 403),
        (.init(418), 418), (.init(302, [("Location", "http://127.0.0.1/")]), 500), (.init(200, [], "x"), 500),
        (.init(200, [], #"{"subprotocol":"not.offered"}"#), 500), (.init(200, [], #"{"groups":[1]}"#), 500),
        (.init(200, [], #"{"subprotocol":"CUSTOM"}"#), 101),
    ])
    func `The status of the handshake follows the answer`(answer: HandlerServer.Answer, status: Int) async throws {
        try await HandlerNode.with {
            $0.event == "connect" ? answer : .init()
        } _: { test in
            let answered = try await test.status()
            #expect(answered == status)
            guard status != 101 else { return }
            // A connection that was refused was none.
            #expect(try await test.status(claims: nil) == 401)
            #expect(test.handler.events.map(\.event) == ["connect"])
        }
    }

    @Test func `A refusal has the name of its status`() async throws {
        try await HandlerNode.with {
            $0.event == "connect" ? .init(403) : .init()
        } _: { test in
            let token = try PubSubToken.make("chat", host: "127.0.0.1:\(test.node.port)", [:])
            let request = HandshakeRequest.text("/client/hubs/chat?access_token=\(token)", host: "127.0.0.1:\(test.node.port)")
            let (answer, _) = try await test.node.answer(to: Array(request.utf8)) { $0.contains("}") }
            #expect(answer.hasPrefix("HTTP/1.1 403 Forbidden\r\n") && answer.contains(#""title":"Forbidden""#))
        }
    }

    @Test func `The handler may choose another subprotocol than the node would`() async throws {
        try await HandlerNode.with {
            $0.event == "connect" ? .init(200, [], #"{"subprotocol":"custom","roles":[]}"#) : .init(200, [], "raw")
        } _: { test in
            let client = try await PubSubClient.connect(test.node, "chat", subprotocols: [PubSubClient.json, "Custom"])
            #expect(client.socket.subprotocol == "Custom")
            try await client.send("hi")
            #expect(try await client.socket.next() == .binary(Array("raw".utf8)))
            #expect(await test.handler.event("message")?["ce-subprotocol"] == "Custom")
        }
    }

    @Test func `Without a token only a hub that says so may be connected to, and a bad token is none`() async throws {
        let answer = #"{"userId":"guest"}"#
        try await HandlerNode.with(
            hub: #""anonymous-clients": true, "#
        ) {
            $0.event == "connect" ? .init(200, [], answer) : .init()
        } _: { test in
            let anonymous = try await test.status(claims: nil)
            #expect(anonymous == 101)
            #expect(test.handler.events.first?.text.contains(#""claims":{}"#) == true)
            #expect(test.handler.events.first?["ce-userId"] == nil)
            #expect(try await test.status("/client/hubs/chat?access_token=x", claims: nil) == 401)
            #expect(try await test.status("/client/hubs/other", claims: nil) == 401)
        }
    }

    @Test func `Without a connect handler only the token counts, and reasons of the node reach the handler`() async throws {
        try await HandlerNode.with(events: #"["disconnected"]"#) { test in
            let client = try await test.connect()
            let list = try await test.node.request("GET", "/api/connections?hub=chat")
            let id = try #require((list.json["connections"] as? [[String: Any]])?.first?["id"] as? String)
            #expect(try await test.node.request("DELETE", "/api/connections/\(id)?hub=chat&reason=enough").status == 204)
            #expect(await test.handler.event("disconnected")?.text.contains("enough") == true)
            #expect(test.handler.events.count == 1)
            await client.socket.waitForEnd()
        }
    }

    @Test(arguments: [
        HandlerServer.Answer(403), .init(200), .init(200, [("WebHook-Allowed-Origin", "other.example")]),
        .init(302, [("Location", "/")]),
    ])
    func `A handler that does not allow events gets none`(answer: HandlerServer.Answer) async throws {
        let (log, handler) = (LogRecorder(), try await HandlerServer.start { _ in answer })
        let options: [ConfigurationOption: String] = [
            .eventHandler: handler.url, .eventHub: "chat", .systemEvents: "connect", .accessKey: PubSubToken.key,
            .apiKey: PubSubNode.apiKey,
        ]
        try await APITestNode.with(options, logger: log.logger) { node in
            let test = HandlerNode(node: node, handler: handler)
            let status = try await test.status()
            #expect(status == 500)
            #expect(handler.events.isEmpty && handler.requests.allSatisfy { $0["webhook-request-origin"] == "localhost" })
            #expect(handler.requests.first?.method == "OPTIONS" && handler.requests.first?.target == "/chat/validate")
            #expect(try await test.count("connect", "not-allowed") == 1)
        }
        #expect(log.lines.contains { $0.contains("has not allowed events of this server") })
    }

    @Test func `A handler without OPTIONS may answer GET`() async throws {
        let handler = try await HandlerServer.start { request in
            request.method == "OPTIONS"
                ? .init(404) : request.method == "GET" ? .init(200, [("webhook-allowed-origin", "LOCALHOST")]) : .init()
        }
        let options: [ConfigurationOption: String] = [.eventHandler: handler.url, .eventHub: "chat", .systemEvents: "connect"]
        try await PubSubNode.with(options) { node in
            let status = try await HandlerNode(node: node, handler: handler).status()
            #expect(status == 101)
        }
    }
}
