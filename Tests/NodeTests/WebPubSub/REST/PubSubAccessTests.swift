import Foundation
import TestSupport
import Testing
import VolaryProtocol

@testable import VolaryNode

/// Tokens, versions and paths of Web PubSub's REST API.
@Suite(.serialized, .timeLimit(.minutes(3)))
struct PubSubAccessTests {
    private static let now = Int(Date().timeIntervalSince1970)

    @Test func `A request needs a token for its URL, signed with a key, and gets 401 without a body otherwise`() async throws {
        try await PubSubNode.with { node in
            let host = "127.0.0.1:\(node.port)"
            let (path, query) = ("/api/hubs/Chat/groups/a%2Fb/:send", "?api-version=2024-12-01&filter=")
            func token(
                _ aud: Any,
                _ more: [String: Any] = [:],
                key: String = PubSubToken.key,
                algorithm: String = "HS256"
            ) throws -> String {
                try PubSubToken.make("", host: "", more.merging(["aud": aud]) { $1 }, key: key, algorithm: algorithm)
            }
            let url = "http://\(host)\(path)"
            let rows: [(name: String, token: String, status: Int)] = [
                ("the URL", try token(url), 202), ("with query", try token(url + query), 202),
                ("with a slash", try token(url + "/"), 202),
                ("https", try token("https://\(host)\(path)"), 202), ("another case", try token(url.uppercased()), 202),
                ("decoded", try token("http://\(host)/api/hubs/chat/groups/a/b/:send"), 202),
                ("a list", try token(["x", url]), 202),
                ("nearly expired", try token(url, ["exp": Self.now - 290]), 202),
                ("expired", try token(url, ["exp": Self.now - 310]), 401), ("no expiry", try token(url, ["exp": NSNull()]), 401),
                ("not yet", try token(url, ["nbf": Self.now + 400]), 401),
                ("another key", try token(url, key: PubSubToken.secondaryKey), 401),
                ("no algorithm", try token(url, algorithm: "none"), 401), ("HS512", try token(url, algorithm: "HS512"), 401),
                ("another host", try token("http://example.org\(path)"), 401), ("longer", try token(url + "/x"), 401),
                ("shorter", try token("http://\(host)/api/hubs/chat/groups/a%2Fb"), 401),
                ("ftp", try token("ftp://\(host)\(path)"), 401),
                ("a client's", try PubSubToken.make("chat", host: host), 401), ("nonsense", "x.y.z", 401),
                ("an API key", PubSubNode.apiKey, 401),
            ]
            for row in rows {
                let answer = try await node.http.request(
                    "POST",
                    path + query,
                    headers: ["authorization": "Bearer \(row.token)"],
                    body: "1"
                )
                #expect(answer.status == row.status && answer.body.isEmpty, "\(row.name): \(answer.status) \(answer.body)")
                #expect(answer[header: "api-supported-versions"] == PubSubVersion.list)
            }
            #expect(try await node.http.request("POST", path, body: "1").status == 401)
            #expect(try await node.http.request("GET", "/api/hubs/chat/nowhere").status == 401)
            // A token of this API opens no other path.
            let own = try token("http://\(host)/api/connections")
            #expect(
                try await node.http.request("GET", "/api/connections", headers: ["authorization": "Bearer \(own)"]).status == 401
            )
        }
    }

    @Test func `Without access keys every request is refused, and health is open`() async throws {
        try await APITestNode.with { node in
            #expect(try await PubSubCaller(node: node).call("POST", "/:send", body: "x").status == 401)
            for method in ["GET", "HEAD"] {
                let answer = try await node.http.request(method, "/api/health")
                #expect(
                    answer.status == 200 && answer.body.isEmpty && answer[header: "api-supported-versions"] == PubSubVersion.list
                )
            }
        }
    }

    @Test func `All versions have all operations, and no other version exists`() async throws {
        try await PubSubNode.with { node in
            let api = PubSubCaller(node: node)
            for version in ["2021-10-01", "2022-11-01", "2023-07-01", "2024-01-01", "2024-12-01"] {
                try await api.expect(202, "POST", "/:send?api-version=\(version)", body: "x")
                #expect(
                    try await api.call("GET", "/groups/g/connections?api-version=\(version)").json["value"] as? [String] == []
                )
            }
            for version in ["api-version=2021-08-01", "api-version=", "api-version=2024-12-01&api-version=2024-12-01"] {
                let answer = try await api.call("POST", "/:send?\(version)", body: "x")
                #expect(answer.status == 400 && answer[header: "x-ms-error-code"] == "Error.BadRequest", "\(version)")
            }
        }
    }

    @Test func `Names and methods that do not exist`() async throws {
        try await PubSubNode.with { node in
            let api = PubSubCaller(node: node)
            #expect(try await api.call("POST", "/:shout", body: "x")[header: "x-ms-error-code"] == "Error.NotFound")
            let method = try await api.call("GET", "/:send")
            #expect(method.status == 405 && method[header: "allow"] == "OPTIONS, POST")
            for hub in ["1", "a%20b", String(repeating: "h", count: 129)] {
                #expect(try await PubSubCaller(node: node, hub: hub).call("POST", "/:send", body: "x").status == 400, "\(hub)")
            }
            #expect(try await api.call("POST", "//:send", body: "x").status == 404)
        }
    }

    @Test func `A generated token connects a client with its user, groups and roles`() async throws {
        try await PubSubNode.with { node in
            let api = PubSubCaller(node: node)
            let query = "userId=ann&group=g&group=h&role=webpubsub.sendToGroup.g&minutesToExpire=1&clientType=default"
            let token = try #require(try await api.call("POST", "/:generateToken?\(query)").json["token"] as? String)
            let socket = try await WebSocketTestClient.connect(
                port: node.port,
                path: "/client/hubs/chat?access_token=\(token)",
                options: .init(subprotocols: [PubSubClient.json])
            )
            let client = PubSubClient(socket: socket)
            #expect(try await client.next().contains(#""userId":"ann""#))
            _ = try await eventually { try await api.call("HEAD", "/groups/h").status == 200 }
            for group in ["g", "h"] { try await api.expect(200, "HEAD", "/groups/\(group)") }
            try await client.send(
                [#"{"type":"sendToGroup","group":"g","data":1,"noEcho":true,"ackId":1}"#],
                [PubSubClient.ack(1)]
            )
            #expect(try await api.call("POST", "/:generateToken").status == 200)
            for query in [
                "minutesToExpire=0", "minutesToExpire=x", "group=%20", "clientType=MQTT", "role=webpubsub.sendToGroup.%20",
            ] {
                #expect(try await api.call("POST", "/:generateToken?\(query)").status == 400, "\(query)")
            }
        }
    }
}
