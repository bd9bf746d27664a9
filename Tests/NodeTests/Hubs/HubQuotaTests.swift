import TestSupport
import Testing
import VolaryProtocol

@testable import VolaryNode

/// Hubs that are over their quotas.
@Suite(.serialized, .timeLimit(.minutes(3)))
struct HubQuotaTests {
    private static func refusals(_ node: APITestNode) async throws -> [String] {
        try await node.request("GET", "/metrics").body.split(separator: "\n").map(String.init)
            .filter { $0.hasPrefix("volary_hub_refusals_total") }
    }

    /// The head and the body of the answer to a handshake.
    private static func handshake(_ node: APITestNode, _ path: String) async throws -> String {
        try await node.answer(to: HandshakeRequest.bytes(path: path)) { $0.contains("HTTP/1.1 101 ") || $0.hasSuffix("}") }.text
    }

    @Test func `A hub with its quota of connections gets no more of them, other hubs do`() async throws {
        try await APITestNode.with([.hubConnections: "2"]) { node in
            let clients = [try await node.open("/hubs/a"), try await node.open("/hubs/a")]
            let refused = try await Self.handshake(node, "/hubs/a")
            #expect(refused.hasPrefix("HTTP/1.1 429 "))
            #expect(refused.contains("urn:volary:problem:hub-over-quota") && refused.contains("--hub-connections"))
            #expect(refused.lowercased().contains("\r\nretry-after: 5\r\n"))
            // The echo is in no hub that is listed, and does not count.
            for path in ["/hubs/b", "/ws", "/echo", "/echo", "/echo"] { _ = try await node.open(path) }
            #expect(try await Self.refusals(node) == [#"volary_hub_refusals_total{hub="a",reason="connections"} 1"#])
            let metrics = try await node.request("GET", "/metrics").body
            #expect(metrics.contains(#"volary_handshakes_refused_total{reason="hub-full"} 1"#))
            await clients[0].close()
            #expect(try await eventually { try await Self.handshake(node, "/hubs/a").hasPrefix("HTTP/1.1 101 ") })
        }
    }

    @Test func `A client of Web PubSub whose hub is full is refused before the upgrade`() async throws {
        try await PubSubNode.with([.hubConnections: "1"]) { node in
            let client = try await PubSubClient.member(node)
            let token = try PubSubToken.make(host: "127.0.0.1:\(node.port)")
            let request = HandshakeRequest.text("/client/hubs/chat?access_token=\(token)", host: "127.0.0.1:\(node.port)")
            let refused = try await node.answer(to: Array(request.utf8)) { $0.contains("hub-over-quota") }.text
            #expect(refused.hasPrefix("HTTP/1.1 429 "))
            #expect(try await client.before() == [])
        }
    }

    @Test func `A stream of HTTP/2 whose hub is full is refused with 429`() async throws {
        try await HTTP2Node.with([.hubConnections: "1"]) { client, _ in
            let first = try await client.webSocket("/ws")
            let second = try await client.connect("/ws", [("sec-websocket-version", "13")])
            #expect(await eventually { second.problem == "hub-over-quota" })
            #expect(second.status == 429)
            #expect(!first.isOver)
        }
    }

    @Test func `A client that sends more messages than its hub may gets a notice in place of its echo`() async throws {
        try await APITestNode.with([.hubMessageRate: "1"]) { node in
            let client = try await node.open("/hubs/a")
            client.write(ClientFrame.text("one") + ClientFrame.text("two"))
            #expect(await eventually { client.messages("system").count == 1 && client.messages() == ["one"] })
            #expect(client.messages("echo") == ["one"])
            #expect(client.messages("system") == ["Your message was not delivered: its hub is over its quota. Try again later."])
            #expect(try await Self.refusals(node) == [#"volary_hub_refusals_total{hub="a",reason="messages"} 1"#])
        }
    }

    @Test func `A message of Web PubSub over the quota fails by name, and may be sent again`() async throws {
        try await PubSubNode.with([.hubByteRate: "1KiB"]) { node in
            let client = try await PubSubClient.member(node)
            func send(_ count: Int, _ ackID: Int) -> String {
                let data = String(repeating: "x", count: count)
                return #"{"type":"sendToGroup","group":"g","dataType":"text","data":"\#(data)","ackId":\#(ackID)}"#
            }
            let refused = PubSubClient.ack(2, "QuotaExceeded", "The hub is over its quota")
            // Larger than the quota of a second: it uses up that of the next ones.
            try await client.send([send(4096, 1)], [PubSubClient.ack(1)])
            try await client.send([send(1, 2)], [refused])
            // Joins are no messages.
            try await client.send([#"{"type":"joinGroup","group":"h","ackId":3}"#], [PubSubClient.ack(3)])
            let isSent = try await eventually {
                try await client.send(send(1, 2))
                return try await client.next() == PubSubClient.ack(2)
            }
            #expect(isSent)
        }
    }

    @Test func `A message of a resumable connection counts for the quota, too`() async throws {
        try await APITestNode.withPubSub(1, [.hubByteRate: "1KiB"]) { nodes in
            let client = try await ReliableClient.connect(nodes[0], ["webpubsub.group": ["g"]])
            try await client.sendToGroup("g", String(repeating: "x", count: 4096), ackID: 1)
            #expect(try await client.ack(1) == "success")
            try await client.sendToGroup("g", "x", ackID: 2)
            #expect(try await client.ack(2) == "QuotaExceeded")
            try await client.join("h", ackID: 3)
            let isSent = try await eventually {
                try await client.sendToGroup("g", "x", ackID: 2)
                return try await client.ack(2) == "success"
            }
            #expect(isSent)
            #expect(try await client.texts(2).last == "x")
        }
    }

    @Test func `A raw client whose message is over the quota is closed with 1008`() async throws {
        try await PubSubNode.with([.hubMessageRate: "1"]) { node in
            let query = "&webpubsub_mode=sendToGroup&group=g"
            let client = try await PubSubClient.connect(
                node,
                "chat",
                ["role": "webpubsub.sendToGroup"],
                subprotocols: [],
                query: query
            )
            try await client.socket.send(["one", "two"])
            #expect(await eventually { client.socket.closeCode == 1008 })
        }
    }

    @Test func `A push over the quota gets 429, is not sent, and does not use up its Idempotency-Key`() async throws {
        try await APITestNode.with([.hubByteRate: "1KiB"]) { node in
            let client = try await node.open("/hubs/a")
            let long = String(repeating: "x", count: 5000)
            func push(_ text: String, hub: String = "a") async throws -> HTTPTestResponse {
                try await node.http.request(
                    "POST",
                    "/api/connections/broadcast?hub=\(hub)",
                    headers: ["Idempotency-Key": String(text.prefix(10))],
                    body: #"{"message": "\#(text)"}"#
                )
            }
            #expect(try await push(long).status == 200)
            let refused = try await push("two")
            #expect(refused.status == 429 && refused.problem == "hub-over-quota" && refused[header: "retry-after"] == "1")
            #expect(try await push("other", hub: "b").status == 200)
            // A stored answer costs nothing.
            #expect(try await push(long).status == 200)
            #expect(try await eventually { try await push("two").status == 200 })
            #expect(await eventually { client.messages("server-broadcast") == [long, "two"] })
        }
    }

    @Test func `A message of Web PubSub's callers over the quota gets 429 in their form`() async throws {
        try await PubSubNode.with([.hubByteRate: "1KiB"]) { node in
            let api = PubSubCaller(node: node)
            try await api.expect(202, "POST", "/:send", body: String(repeating: "x", count: 5000))
            let refused = try await api.call("POST", "/groups/g/:send", body: "two")
            #expect(refused.status == 429 && refused[header: "x-ms-error-code"] == "Error.TooManyRequests")
            #expect(refused[header: "retry-after"] == "1")
        }
    }
}
