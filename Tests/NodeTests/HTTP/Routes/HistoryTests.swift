import Foundation
import TestSupport
import Testing
import VolaryBackplane
import VolaryProtocol

@testable import VolaryNode

/// `/api/messages`, and the same for groups and users.
@Suite(.serialized, .timeLimit(.minutes(3)))
struct HistoryTests {
    struct Page {
        let status: Int
        let problem: String?
        let messages: [[String: Any]]
        let next: String
        let more: Bool?
        let gap: Bool?

        init(_ answer: HTTPTestResponse) {
            self.status = answer.status
            self.problem = answer.problem
            let json = answer.json
            self.messages = json["messages"] as? [[String: Any]] ?? []
            self.next = json["next"] as? String ?? ""
            self.more = json["more"] as? Bool
            self.gap = json["gap"] as? Bool
        }

        var texts: [String?] { self.messages.map { ($0["data"] as? [String: Any])?["message"] as? String } }
        var positions: [String?] { self.messages.map { $0["position"] as? String } }
    }

    private static func page(
        _ node: APITestNode,
        _ path: String,
        _ query: String = "",
        key: String? = nil
    ) async throws -> Page {
        let fields = key.map { ["authorization": "Bearer \($0)"] } ?? [:]
        return Page(try await node.http.request("GET", "/api/\(path)?hub=chat\(query)", headers: fields))
    }

    private static func push(_ node: APITestNode, _ text: String, to path: String) async throws -> String? {
        let answer = try await node.http.request("POST", "/api/\(path)?hub=chat", body: #"{"message": "\#(text)"}"#)
        #expect(answer.status == 200)
        return answer.json["position"] as? String
    }

    @Test func `A group's messages come in pages, in order, each with the position of its receipt, from any node`() async throws {
        try await APITestNode.with(2) { nodes in
            var positions: [String?] = []
            for number in 0..<5 { positions.append(try await Self.push(nodes[number % 2], "\(number)", to: "groups/a%2Fb/send")) }
            _ = try await Self.push(nodes[0], "x", to: "groups/a/send")
            let first = try await Self.page(nodes[1], "groups/a%2Fb/messages", "&limit=2")
            #expect(first.texts == ["0", "1"] && first.positions == Array(positions[..<2]))
            #expect(first.more == true && first.gap == false)
            let rest = try await Self.page(nodes[0], "groups/a%2Fb/messages", "&after=\(first.next)")
            #expect(rest.texts == ["2", "3", "4"] && rest.more == false && rest.gap == false)
            let third = try #require(positions[2])
            #expect(try await Self.page(nodes[0], "groups/a%2Fb/messages", "&after=\(third)").texts == ["3", "4"])
            #expect(try await Self.page(nodes[0], "groups/a%2Fb/messages", "&after=\(rest.next)").texts == [])
            _ = try await Self.push(nodes[1], "5", to: "groups/a%2Fb/send")
            #expect(try await Self.page(nodes[0], "groups/a%2Fb/messages", "&after=\(rest.next)").texts == ["5"])
        }
    }

    @Test func `Everyone, a user and each hub have a history of their own, and what it has is what a stream has`() async throws {
        try await APITestNode.with { node in
            let reader = try await EventStreamClient.open(node, "?hub=chat")
            for (text, path) in [("all", "connections/broadcast"), ("ann", "users/ann/send"), ("bob", "users/bob/send")] {
                _ = try await Self.push(node, text, to: path)
            }
            #expect(try await Self.page(node, "messages").texts == ["all"])
            #expect(try await Self.page(node, "users/ann/messages").texts == ["ann"])
            #expect(Page(try await node.http.request("GET", "/api/messages")).messages.isEmpty)
            let bytes = ["content-type": "application/octet-stream"]
            let sent = try await node.http.request("POST", "/api/connections/broadcast?hub=chat", headers: bytes, body: "hello")
            #expect(sent.status == 200)
            let last = try #require(try await Self.page(node, "messages").messages.last)
            #expect(last["event"] as? String == "binary" && (last["data"] as? [String: Any])?["data"] as? String == "aGVsbG8=")
            let event = try #require(await reader.events(2).last)
            let data = try #require(try JSONSerialization.jsonObject(with: Data(event.data.utf8)) as? NSDictionary)
            #expect(event.name == "binary" && event.id == last["position"] as? String && data == last["data"] as? NSDictionary)
        }
    }

    @Test func `A position that the log does not reach back to is a gap`() async throws {
        try await APITestNode.with { node in
            _ = try await Self.push(node, "x", to: "groups/g/send")
            let page = try await Self.page(node, "groups/g/messages", "&after=1-1")
            #expect(page.gap == true && page.texts == ["x"])
        }
    }

    @Test(
        arguments: [
            ("after=x", "after"), ("after=1", "after"), ("after=01-1", "after"), ("after=-1-1", "after"),
            ("after=1-1&after=1-1", "after"),
            ("after=99999999999999999999-1", "after"), ("limit=0", "limit"), ("limit=257", "limit"), ("limit=x", "limit"),
            ("hub=1", "hub"), ("cursor=1-1", "cursor"),
        ]
    )
    func `A query that is not valid is refused`(query: String, field: String) async throws {
        try await APITestNode.with { node in
            for path in ["messages", "groups/g/messages", "users/u/messages"] {
                let answer = try await node.http.request("GET", "/api/\(path)?\(query)")
                #expect(answer.status == 400 && answer.problem == "invalid-query" && answer.json["field"] as? String == field)
            }
            #expect(try await node.http.request("GET", "/api/groups/%00/messages").problem == "invalid-name")
            #expect(try await node.http.request("POST", "/api/messages", body: "{}").status == 405)
            #expect(try await node.http.request("HEAD", "/api/messages").status == 200)
        }
    }

    @Test func `Without a log there is no history`() async throws {
        try await APITestNode.with(1, bus: MemoryBus(settings: BrokerSettings(delivery: .atMostOnce))) { nodes in
            let page = try await Self.page(nodes[0], "messages")
            #expect(page.status == 404 && page.problem == "no-history")
        }
    }

    // MARK: - Access

    @Test func `A token of Web PubSub opens the history of its hub, its user and its groups, and groups that it may join`()
        async throws
    {
        try await PubSubNode.with { node in
            let host = "127.0.0.1:\(node.port)"
            let claims: [String: Any] = ["sub": "ann", "webpubsub.group": ["a"], "role": "webpubsub.joinLeaveGroup.b"]
            let token = try PubSubToken.make("chat", host: host, claims)
            let other = try PubSubToken.make("other", host: host, claims)
            for (path, key, status, problem) in [
                ("messages", token, 200, nil), ("groups/a/messages", token, 200, nil), ("groups/b/messages", token, 200, nil),
                ("users/ann/messages", token, 200, nil), ("groups/c/messages", token, 403, "group-not-permitted"),
                ("users/bob/messages", token, 403, "missing-permission"), ("messages", other, 401, "unauthorized"),
                ("messages", "x", 401, "unauthorized"), ("messages", nil, 401, "unauthorized"),
                ("groups/c/messages", PubSubNode.apiKey, 200, nil),
            ] as [(String, String?, Int, String?)] {
                let page = try await Self.page(node, path, key: key)
                #expect(page.status == status && page.problem == problem, "\(path) \(status)")
            }
            // What is for some connections only is for those who see everything.
            let api = PubSubCaller(node: node)
            try await api.expect(202, "POST", "/groups/a/:send?filter=userId%20eq%20'bob'", body: "secret")
            try await api.expect(202, "POST", "/groups/a/:send?excluded=x", body: "open")
            #expect(try await Self.page(node, "groups/a/messages", key: token).texts == ["open"])
            #expect(try await Self.page(node, "groups/a/messages", key: PubSubNode.apiKey).texts == ["secret", "open"])
        }
    }

    @Test func `A token of the token keys opens what its client would hear on the default hub`() async throws {
        let file = try TemporaryFile(TestKeys.secret)
        try await APITestNode.with([.jwtKey: file.path]) { node in
            var claims = TestClaims(sub: "alice", exp: Date().timeIntervalSince1970 + 600)
            claims.groups = ["staff"]
            let fields = ["authorization": "Bearer \(try await TestKeys.sign(claims))"]
            for (path, status) in [
                ("messages", 200), ("groups/staff/messages", 200), ("groups/x/messages", 403), ("users/alice/messages", 200),
                ("users/bob/messages", 403), ("messages?hub=chat", 403), ("groups/staff/messages?hub=chat", 403),
            ] {
                let answer = try await node.http.request("GET", "/api/\(path)", headers: fields)
                #expect(answer.status == status, "\(path): \(answer.body)")
            }
            #expect(try await node.http.request("GET", "/api/messages").status == 401)
        }
        withExtendedLifetime(file) {}
    }
}
