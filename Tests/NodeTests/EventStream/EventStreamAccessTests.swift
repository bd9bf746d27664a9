import Foundation
import TestSupport
import Testing

@testable import VolaryNode

/// Who may read which hub and which groups over `/events`.
@Suite(.serialized, .timeLimit(.minutes(3)))
struct EventStreamAccessTests {
    private static func token(_ hub: String, _ node: APITestNode, _ claims: [String: Any] = [:]) throws -> String {
        try PubSubToken.make(hub, host: "127.0.0.1:\(node.port)", claims)
    }

    /// The status, and the problem of a refusal.
    private static func outcome(_ node: APITestNode, _ query: String, _ fields: String = "") async throws -> String {
        let reader = try await EventStreamClient.open(node, query, fields)
        guard reader.status != 200 else { return "200" }
        let problem = reader.body.firstRange(of: "urn:volary:problem:").map {
            reader.body[$0.upperBound...].prefix { $0 != "\"" }
        }
        return "\(reader.status ?? 0) \(problem ?? "")"
    }

    private static func groups(_ node: APITestNode, hub: String, user: String) async throws -> Set<String>? {
        var groups: [String]?
        _ = try await eventually {
            let answer = try await node.request("GET", "/api/connections?hub=\(hub)&user=\(user)")
            groups = (answer.json["connections"] as? [[String: Any]])?.first?["groups"] as? [String]
            return groups != nil
        }
        return groups.map { Set($0) }
    }

    @Test func `A token of Web PubSub opens its hub, with its user, its groups, and those that it has a role for`() async throws {
        try await PubSubNode.with { node in
            let claims: [String: Any] = ["sub": "ann", "webpubsub.group": ["a", "b"], "role": "webpubsub.joinLeaveGroup.c"]
            let token = try Self.token("chat", node, claims)
            let rows: [(String, String)] = [
                ("?hub=chat&access_token=\(token)", "200"), ("?hub=CHAT&group=a&access_token=\(token)", "200"),
                ("?hub=chat&group=c&group=a&access_token=\(token)", "200"),
                ("?hub=chat&group=d&access_token=\(token)", "403 group-not-permitted"),
                ("?hub=chat&group=a&group=d&access_token=\(token)", "403 group-not-permitted"),
                ("?hub=other&access_token=\(token)", "401 unauthorized"), ("?access_token=\(token)", "401 unauthorized"),
                ("?hub=chat", "401 unauthorized"), ("?hub=chat&access_token=x", "401 unauthorized"),
            ]
            for (query, outcome) in rows { #expect(try await Self.outcome(node, query) == outcome, "\(query.prefix(30))") }
            let header = "Authorization: Bearer \(token)\r\n"
            let reader = try await EventStreamClient.open(node, "?hub=chat", header)
            #expect(reader.status == 200)
            #expect(try await Self.groups(node, hub: "chat", user: "ann") == ["a", "b"])
            try await PubSubCaller(node: node).expect(202, "POST", "/groups/b/:send", body: "x")
            #expect(await reader.events(1).first?.data.contains(#""message":"x""#) == true)
        }
    }

    @Test func `Without groups in the query a reader has those of its token, and with them only these`() async throws {
        try await PubSubNode.with { node in
            for (user, query, groups) in [("ann", "", ["a", "b"]), ("bob", "&group=b", ["b"])] as [(String, String, Set<String>)]
            {
                let token = try Self.token("chat", node, ["sub": user, "webpubsub.group": ["a", "b"]])
                let reader = try await EventStreamClient.open(node, "?hub=chat\(query)&access_token=\(token)")
                #expect(try await Self.groups(node, hub: "chat", user: user) == groups)
                #expect(!reader.raw.isEnded)
            }
        }
    }

    @Test func `A token of the token keys opens the default hub, with its groups, until it expires`() async throws {
        let file = try TemporaryFile(TestKeys.secret)
        try await APITestNode.with([.jwtKey: file.path]) { node in
            func token(_ seconds: Double) async throws -> String {
                var claims = TestClaims(sub: "alice", exp: Date().timeIntervalSince1970 + seconds)
                claims.groups = ["staff"]
                return try await TestKeys.sign(claims)
            }
            let (short, long) = (try await token(60), try await token(3600))
            #expect(try await Self.outcome(node, "?access_token=\(short)") == "200")
            #expect(try await Self.outcome(node, "?group=staff&access_token=\(short)") == "200")
            #expect(try await Self.outcome(node, "?group=x&access_token=\(short)") == "403 group-not-permitted")
            #expect(try await Self.outcome(node, "?hub=chat&access_token=\(short)") == "403 hub-not-permitted")
            #expect(try await Self.outcome(node, "?access_token=\(long)") == "401 unauthorized")
            #expect(try await Self.outcome(node, "", "Authorization: Bearer \(long)\r\n") == "200")
            #expect(try await Self.outcome(node, "") == "401 unauthorized")
            let reader = try await EventStreamClient.open(node, "?access_token=\(try await token(0))")
            #expect(await eventually { reader.raw.isEnded })
            #expect(reader.events.last?.data == #"{"code":3000,"reason":"the token has expired"}"#)
        }
        withExtendedLifetime(file) {}
    }

    @Test func `With both kinds of keys each token opens what it is for`() async throws {
        let file = try TemporaryFile(TestKeys.secret)
        try await PubSubNode.with([.jwtKey: file.path]) { node in
            let pubSub = try Self.token("chat", node)
            let own = try await TestKeys.sign(TestClaims(sub: "alice", exp: Date().timeIntervalSince1970 + 60))
            #expect(try await Self.outcome(node, "?hub=chat&access_token=\(pubSub)") == "200")
            #expect(try await Self.outcome(node, "?access_token=\(own)") == "200")
            #expect(try await Self.outcome(node, "?hub=chat&access_token=\(own)") == "403 hub-not-permitted")
            #expect(try await Self.outcome(node, "?hub=other&access_token=\(pubSub)") == "401 unauthorized")
        }
        withExtendedLifetime(file) {}
    }

    @Test func `Clients without a token may read the default hub where they are allowed, and no group`() async throws {
        try await PubSubNode.with([.anonymousClients: "on"]) { node in
            for (query, outcome) in [
                ("", "200"), ("?hub=chat", "403 hub-not-permitted"), ("?group=a", "403 group-not-permitted"),
                ("?access_token=x", "401 unauthorized"),
            ] {
                let found = try await Self.outcome(node, query)
                #expect(found == outcome, "\(query)")
            }
        }
    }

    @Test func `A page of an allowed origin may read, and the answer says so`() async throws {
        let app = "https://app.example"
        try await APITestNode.with([.allowedOrigins: app]) { node in
            let reader = try await EventStreamClient.open(node, "", "Origin: \(app)\r\n")
            #expect(reader.status == 200)
            #expect(
                reader.head.contains("\r\naccess-control-allow-origin: \(app)\r\n")
                    && reader.head.contains("\r\nvary: origin\r\n")
            )
            #expect(try await Self.outcome(node, "", "Origin: https://x.example\r\n") == "403 origin-not-allowed")
            let own = try await EventStreamClient.open(node, "", "Origin: http://127.0.0.1:\(node.port)\r\n")
            #expect(own.status == 200)
        }
    }

    @Test func `A page of any origin may read with a token of Web PubSub, unless origins are named`() async throws {
        for (options, outcome) in [([:], "200"), ([.allowedOrigins: "https://app.example"], "403 origin-not-allowed")]
            as [([ConfigurationOption: String], String)]
        {
            try await PubSubNode.with(options) { node in
                let query = "?hub=chat&access_token=\(try Self.token("chat", node))"
                #expect(try await Self.outcome(node, query, "Origin: https://x.example\r\n") == outcome)
            }
        }
    }
}
