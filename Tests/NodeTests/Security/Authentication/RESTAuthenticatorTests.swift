import Crypto
import Foundation
import NIOCore
import TestSupport
import Testing
import VolaryBackplane
import VolaryProtocol

@testable import VolaryNode

/// One node at a time: many at once would leave none of them its time on a busy machine.
@Suite(.serialized)
struct RESTAuthenticatorTests {
    private static let id = "0123456789abcdef0123456789abcdef"

    /// Every route with what it needs; nil: nothing.
    private static let routes: [String: Permission?] = [
        "GET /": nil, "GET /livez": nil, "GET /readyz": nil, "GET /openapi.json": nil, "GET /webpubsub.json": nil,
        "GET /swagger/webpubsub": nil, "GET /swagger": nil,
        "GET /swagger/{file}": nil, "GET /ws": nil, "GET /echo": nil, "GET /client": nil, "GET /client/hubs/{hub}": nil,
        "GET /api/messages": .read, "GET /api/messages/{id}": .read, "GET /api/groups/{group}/messages": .read,
        "GET /api/users/{user}/messages": .read,
        "GET /hubs/{hub}": nil, "POST /hubs/{hub}": nil, "DELETE /hubs/{hub}": nil, "POST /hubs/{hub}/negotiate": nil,
        "GET /metrics": .read, "GET /api/nodes": .read, "GET /api/connections": .read, "GET /api/connections/{id}": .read,
        "POST /api/connections/broadcast": .send, "POST /api/connections/{id}/send": .send,
        "POST /api/groups/{group}/send": .send, "POST /api/users/{user}/send": .send,
        "DELETE /api/connections/{id}": .manage, "PUT /api/groups/{group}/connections/{id}": .manage,
        "DELETE /api/groups/{group}/connections/{id}": .manage, "POST /api/nodes/{id}/drain": .manage,
    ]

    /// A node with one key for each permission.
    private static func withKeys(
        links: NodeServer.ClusterServices? = nil,
        _ body: (APITestNode) async throws -> Void
    ) async throws {
        let lines = Permission.forREST.map { permission in
            let hash = SHA256.hash(data: Data(Self.key(permission).utf8)).map { String(format: "%02x", $0) }.joined()
            return "\(hash) \(permission.rawValue)\n"
        }
        let file = try TemporaryFile(lines.joined())
        try await APITestNode.with([.apiKeys: file.path], makeLinks: links.map { links in { _, _ in links } }, body)
        withExtendedLifetime(file) {}
    }

    private static func key(_ permission: Permission) -> String { "a-key-that-may-\(permission.rawValue)" }

    private static func bearer(_ text: String) -> [String: String] { ["Authorization": "Bearer \(text)"] }

    @Test func `Every route needs its own permission, and no other helps`() async throws {
        try await Self.withKeys { node in
            // Web PubSub's API has tokens of its own. So have event streams, which do not end.
            for (method, path) in try await Self.served(by: node) where !PubSubAPI.serves(path) && path != "/events" {
                let needed = try #require(Self.routes["\(method) \(path)"], "\(method) \(path) is not in the table")
                let target = path.replacing("{id}", with: Self.id).replacing(/\{\w+\}/, with: "x")
                let nobody = try await node.http.request(method, target)
                #expect((nobody.status == 401) == (needed != nil), "\(method) \(path): \(nobody.status)")
                for permission in Permission.forREST {
                    let answer = try await node.http.request(method, target, headers: Self.bearer(Self.key(permission)))
                    #expect(answer.status != 401)
                    #expect((answer.status == 403) == (needed != nil && needed != permission), "\(method) \(path) \(permission)")
                }
            }
        }
    }

    @Test func `Why a node is not ready is told to those who may read, and others hear that it is not and since when`()
        async throws
    {
        let links = NodeServer.ClusterServices(broker: RecordingBroker(), store: MemoryPresenceStore(shared: MemoryPresence()))
        let broker = try #require(links.broker as? RecordingBroker)
        let makeLinks = { (_: NodeID, _: any EventLoop) in links }
        let words = { (answer: HTTPTestResponse) in
            (answer.json["relay"] as? [String: Any]).map { "\($0["state"] ?? "") \($0["reason"] ?? "")" }
        }
        for options in [[ConfigurationOption.apiKey: Self.key(.read)], [:]] {
            try await APITestNode.with(options, makeLinks: makeLinks) { node in
                broker.fail()
                let nobody = try await node.http.request("GET", "/readyz")
                #expect(nobody.status == 503 && nobody[header: "retry-after"] == "1")
                #expect(words(nobody) == (options.isEmpty ? "down test" : "down <null>"))
                // Whoever asks with what is no key is told as much as those without one: a balancer may send anything.
                let stranger = try await node.http.request("GET", "/readyz", headers: Self.bearer("somebody-elses-key"))
                #expect(stranger.status == 503 && words(stranger) == words(nobody))
                let reader = try await node.http.request("GET", "/readyz", headers: Self.bearer(Self.key(.read)))
                #expect(reader.status == 503 && words(reader) == "down test")
                broker.recover()
                let well = try await node.http.request("GET", "/readyz")
                #expect(well.status == 200 && words(well) == "up <null>")
            }
        }
        try await Self.withKeys(links: links) { node in
            broker.fail()
            let sender = try await node.http.request("GET", "/readyz", headers: Self.bearer(Self.key(.send)))
            #expect(sender.status == 503 && words(sender) == "down <null>")
            broker.recover()
        }
    }

    private static func served(by node: APITestNode) async throws -> [(method: String, path: String)] {
        let listener = try #require(
            node.server.services.compactMap { $0 as? HTTPListener }.first
        )
        var served: [(String, String)] = []
        for path in listener.routes.templates {
            let allow = try await node.http.request("OPTIONS", path.replacing(/\{\w+\}/, with: "x"))[header: "allow"]
            let methods = Set(try #require(allow).split(separator: ", ").map(String.init)).subtracting(["HEAD", "OPTIONS"])
            served += methods.map { ($0, path) }
        }
        #expect(served.count > 15)
        return served
    }

    @Test func `Who is nobody, and who may not, is told what is missing`() async throws {
        try await Self.withKeys { node in
            let nobody = try await node.http.request("GET", "/api/nodes")
            #expect((nobody.status, nobody.problem) == (401, "unauthorized"))
            #expect(nobody[header: "www-authenticate"] == "Bearer")
            let stranger = try await node.http.request("GET", "/api/nodes", headers: Self.bearer("somebody-elses-key"))
            #expect((stranger.status, stranger.problem) == (401, "unauthorized"))
            #expect(stranger[header: "www-authenticate"] == #"Bearer error="invalid_token""#)
            #expect(!stranger.body.contains("somebody"))
            let reader = try await node.http.request(
                "POST",
                "/api/connections/broadcast",
                headers: Self.bearer(Self.key(.read)),
                body: #"{"message":"x"}"#
            )
            #expect((reader.status, reader.problem) == (403, "missing-permission"))
            #expect(reader[header: "www-authenticate"] == #"Bearer error="insufficient_scope", scope="send""#)
            #expect((reader.json["detail"] as? String)?.contains("send") == true)
        }
    }

    @Test func `What is not known to be open is closed, whether it exists or not`() async throws {
        try await Self.withKeys { node in
            for path in [
                "/api", "/api/nowhere", "/%61pi/nodes", "/API/nodes", "/api/connections/\(Self.id)/x", "/metrics/x", "/nowhere",
                "/swaggers", "/livez/x",
            ] {
                for method in ["GET", "HEAD", "POST", "DELETE", "PATCH"] {
                    let answer = try await node.http.request(method, path)
                    #expect(answer.status == 401, "\(method) \(path)")
                }
            }
        }
    }

    @Test func `Other schemes are none`() async throws {
        try await Self.withKeys { node in
            for authorization in [
                "Basic YTpi", "Bearer", "Bearer a b", "Bearer ", "a-key-that-may-read", "Token a-key-that-may-read",
            ] {
                let answer = try await node.http.request("GET", "/api/nodes", headers: ["Authorization": authorization])
                #expect(answer.status == 401, "\(authorization)")
            }
        }
    }

    @Test func `A token's permissions count, and a client's own token has none`() async throws {
        let file = try TemporaryFile(TestKeys.secret)
        try await APITestNode.with([.jwtKey: file.path]) { node in
            let expiry = Date().timeIntervalSince1970 + 60
            var claims = TestClaims(sub: "alice", exp: expiry)
            let plain = try await TestKeys.sign(claims)
            #expect(try await node.http.request("GET", "/api/nodes", headers: Self.bearer(plain)).status == 403)
            claims.scope = "openid read"
            let reader = try await TestKeys.sign(claims)
            #expect(try await node.http.request("GET", "/api/nodes", headers: Self.bearer(reader)).status == 200)
            // Only where it stands in a header: a URL is written into logs.
            #expect(try await node.http.request("GET", "/api/nodes?access_token=\(reader)").status == 401)
            claims.exp = expiry - 120
            let old = try await node.http.request("GET", "/api/nodes", headers: Self.bearer(try await TestKeys.sign(claims)))
            #expect(old.status == 401)
            #expect(old.json["detail"] as? String == TokenError.expired.text)
        }
    }

    @Test func `An idempotency key is its caller's own`() async throws {
        let callers = ["a-key-that-may-send-1", "a-key-that-may-send-2"]
        let lines = callers.map { key in
            "\(SHA256.hash(data: Data(key.utf8)).map { String(format: "%02x", $0) }.joined()) send\n"
        }
        let file = try TemporaryFile(lines.joined())
        try await APITestNode.with([.apiKeys: file.path]) { node in
            func push(_ caller: String, _ text: String) async throws -> HTTPTestResponse {
                try await node.http.request(
                    "POST",
                    "/api/connections/broadcast",
                    headers: ["Authorization": "Bearer \(caller)", "Idempotency-Key": "one"],
                    body: #"{"message":"\#(text)"}"#
                )
            }
            let first = try await push(callers[0], "a")
            let other = try await push(callers[1], "b")
            #expect((first.status, other.status) == (200, 200))
            #expect(other[header: "idempotency-replayed"] == nil)
            let again = try await push(callers[0], "a")
            #expect(again[header: "idempotency-replayed"] == "true")
            #expect(again.json["id"] as? String == first.json["id"] as? String)
            #expect(try await push(callers[0], "b").status == 422)
            #expect(try await push("a-key-that-is-none", "a").status == 401)
        }
        withExtendedLifetime(file) {}
    }

    @Test func `A body without the type of JSON is refused: a page of any origin could have sent it`() async throws {
        try await APITestNode.with { node in
            let body = #"{"message":"x"}"#
            for type in ["", "Content-Type: text/plain\r\n", "Content-Type: application/x-www-form-urlencoded\r\n"] {
                let request =
                    "POST /api/connections/broadcast HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\(type)Content-Length: \(body.utf8.count)"
                let answer = try await node.answer(to: Array("\(request)\r\n\r\n\(body)".utf8)) { _ in false }
                #expect(answer.text.hasPrefix("HTTP/1.1 415 "), "\(type)")
            }
        }
    }
}
