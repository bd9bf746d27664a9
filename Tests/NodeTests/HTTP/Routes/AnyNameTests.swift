import Foundation
import TestSupport
import Testing

@testable import VolaryNode

/// One node for all tests, because there are many names.
@Suite(.serialized)
struct AnyNameTests {
    /// Decoded by `JSONDecoder`, because `JSONSerialization` drops a byte order mark at the beginning of a string.
    private struct List: Decodable {
        struct Connection: Decodable {
            let id: String
            let user: String?
            let groups: [String]
        }

        let connections: [Connection]
    }

    private static func connected(_ node: APITestNode, _ query: String) async throws -> [List.Connection] {
        let answer = try await node.http.request("GET", "/api/connections?\(query)")
        #expect(answer.status == 200, "\(query.prefix(100)): \(answer.body.prefix(200))")
        return try answer.decode(List.self).connections
    }

    private static func bytes(_ text: String?) -> [UInt8] { Array((text ?? "").utf8) }

    @Test
    func `Each is connected, listed, found, pushed to, joined and left by its percent-encoding, and by nothing else`()
        async throws
    {
        try await APITestNode.with([.insecureUserQuery: "on", .maximumHeader: "64KiB"]) { node in
            var clients: [(name: String, client: WebSocketTestClient)] = []
            for name in AwkwardNames.all {
                let path = "/ws?user=\(AwkwardNames.percentEncoded(name))"
                clients.append((name, try await WebSocketTestClient.connect(port: node.port, path: path)))
            }
            for (name, client) in clients {
                let (encoded, shown) = (AwkwardNames.percentEncoded(name), Comment("\(name.debugDescription.prefix(40))"))
                var found: [List.Connection] = []
                _ = try await eventually {
                    found = try await Self.connected(node, "user=\(encoded)")
                    return found.count == 1
                }
                #expect(found.count == 1, shown)
                #expect(Self.bytes(found.first?.user) == Array(name.utf8), shown)
                let id = found.first?.id ?? ""

                let joined = try await node.http.request("PUT", "/api/groups/\(encoded)/connections/\(id)")
                #expect(joined.status == 204, shown)
                let both = try await Self.connected(node, "user=\(encoded)&group=\(encoded)")
                #expect(both.map { Self.bytes($0.groups.first) } == [Array(name.utf8)], shown)
                for path in ["/api/groups/\(encoded)/send", "/api/users/\(encoded)/send"] {
                    let push = try await node.http.request("POST", path, body: #"{"message":"to you"}"#)
                    #expect((push.status, push.json["recipients"] as? Int) == (200, 1), shown)
                    guard case .text(let text) = try await client.next() else { throw APITestNode.Failure() }
                    #expect(text.contains(#""message":"to you""#), shown)
                }
                #expect(try await node.http.request("DELETE", "/api/groups/\(encoded)/connections/\(id)").status == 204, shown)
                #expect(try await Self.connected(node, "group=\(encoded)").isEmpty, shown)
            }
        }
    }

    @Test
    func `A path is split at its slashes, and then decoded once`() async throws {
        try await APITestNode.with([.insecureUserQuery: "on"]) { node in
            func connect(_ user: String) async throws -> WebSocketTestClient {
                let client = try await WebSocketTestClient.connect(port: node.port, path: "/ws?user=\(user)")
                _ = try await eventually { try await Self.connected(node, "user=\(user)").count == 1 }
                return client
            }
            let clients = [try await connect("a%2Fb"), try await connect("a%252Fb"), try await connect("a+b")]
            func recipients(_ path: String) async throws -> Int? {
                try await node.http.request("POST", path, body: #"{"message":"x"}"#).json["recipients"] as? Int
            }
            #expect(try await recipients("/api/users/a%2Fb/send") == 1)
            #expect(try await recipients("/api/users/a%252Fb/send") == 1)
            #expect(try await recipients("/api/users/a+b/send") == 1)
            #expect(try await recipients("/api/users/a%20b/send") == 0)
            #expect(try await recipients("/api/users/a%25252Fb/send") == 0)
            #expect(try await node.http.request("POST", "/api/users/a/b/send", body: #"{"message":"x"}"#).status == 404)
            withExtendedLifetime(clients) {}
        }
    }

    @Test(
        arguments: ["%00", "a%00b", String(repeating: "x", count: 1025), String(repeating: "%F0%9F%98%80", count: 513)]
    )
    func `What is no name is refused with the parameter's`(encoded: String) async throws {
        try await APITestNode.with([.insecureUserQuery: "on", .maximumHeader: "64KiB"]) { node in
            let id = "0123456789abcdef0123456789abcdef"
            for (method, path, field) in [
                ("POST", "/api/groups/\(encoded)/send", "group"), ("POST", "/api/users/\(encoded)/send", "user"),
                ("PUT", "/api/groups/\(encoded)/connections/\(id)", "group"),
            ] {
                let answer = try await node.http.request(method, path, body: #"{"message":"a"}"#)
                #expect((answer.status, answer.problem, answer.field) == (400, "invalid-name", field))
            }
            let query = try await node.http.request("GET", "/api/connections?group=\(encoded)")
            #expect((query.status, query.problem, query.field) == (400, "invalid-query", "group"))
        }
    }

    @Test(
        arguments: ["%ff", "%C0%AF", "%E0%80%AF", "%ED%A0%80", "%F4%90%80%80", "%zz", "%", "%4"]
    )
    func `What is no percent-encoded UTF-8 is refused, overlong forms too`(encoded: String) async throws {
        try await APITestNode.with([.insecureUserQuery: "on"]) { node in
            let handshake =
                "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            for (target, problem, fields) in [
                ("/api/groups/\(encoded)/send", "invalid-path", ""), ("/api/connections?group=\(encoded)", "invalid-query", ""),
                ("/ws?user=\(encoded)", "invalid-name", handshake),
            ] {
                let bytes = Array("GET \(target) HTTP/1.1\r\nHost: x\r\n\(fields)\r\n".utf8)
                let (text, _) = try await node.answer(to: bytes) { $0.hasSuffix("}") }
                #expect(text.hasPrefix("HTTP/1.1 400 ") && text.contains("urn:volary:problem:\(problem)\""), "\(target): \(text)")
            }
        }
    }

    @Test
    func `A target has no bytes beyond ASCII as they are: with a combining mark behind it, a slash would be none`() async throws {
        try await APITestNode.with { node in
            for target in ["/api/groups/\u{E9}/send", "/api/groups/\u{301}/send", "/api/connections?group=\u{E9}"] {
                let (text, _) = try await node.answer(to: Array("GET \(target) HTTP/1.1\r\nHost: x\r\n\r\n".utf8)) {
                    $0.hasSuffix("}")
                }
                #expect(text.hasPrefix("HTTP/1.1 400 ") && text.contains("urn:volary:problem:malformed-request\""), "\(text)")
            }
        }
    }
}
