import TestSupport
import Testing

@testable import VolaryNode

/// Invalid requests are answered.
@Suite
struct BadRequestTests {
    /// A request with a Host field, unless `head` has one.
    private static func request(_ line: String, _ fields: String = "", host: String = "Host: x\r\n") -> String {
        "\(line) HTTP/1.1\r\n\(host)\(fields)\r\n"
    }

    private static let handshake =
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

    @Test(arguments: [
        ("\u{0}\u{1}\r\n\r\n", 400, "malformed-request"),
        (Self.request("NONSENSE /livez"), 400, "malformed-request"),
        ("GET /livez HTTP/9.9\r\n\r\n", 400, "malformed-request"),
        (Self.request("GET /livez", host: ""), 400, "malformed-request"),
        (Self.request("GET /livez", host: "Host: a\r\nHost: b\r\n"), 400, "malformed-request"),
        (Self.request("POST /livez", "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"), 400, "malformed-request"),
        (Self.request("POST /api/connections/broadcast", "Transfer-Encoding: chunked\r\n") + "zz\r\n", 400, "malformed-request"),
        (Self.request("GET /ws", "\(Self.handshake)Transfer-Encoding: chunked\r\n") + "zz\r\n", 400, "not-a-websocket"),
        (Self.request("GET /livez", "X: \(String(repeating: "x", count: 20_000))\r\n"), 431, "header-too-large"),
        (Self.request("GET /\(String(repeating: "x", count: 20_000))"), 431, "header-too-large"),
        (Self.request("GET /livez", String(repeating: "X: x\r\n", count: 200)), 431, "header-too-large"),
        (Self.request("CONNECT example.org:443"), 501, "unknown-method"),
        ("GET /livez HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", 400, "malformed-request"),
        ("POST /livez HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, "malformed-request"),
        (Self.request("POST /livez", "Transfer-Encoding: gzip, chunked\r\n") + "0\r\n\r\n", 400, "malformed-request"),
        (Self.request("POST /livez", "Content-Length: 1\r\nContent-Length: 1\r\n") + "x", 400, "malformed-request"),
        (Self.request("POST /livez", "Content-Length : 1\r\n") + "x", 400, "malformed-request"),
        (Self.request("GET /livez", "X: a\r\n b\r\n"), 400, "malformed-request"),
        ("GET /livez HTTP/1.1\nHost: x\n\n", 400, "malformed-request"),
        (Self.request("GET ftp://x/livez"), 400, "malformed-request"),
        (Self.request("GET http://user@x/livez"), 400, "malformed-request"),
        (Self.request("GET http:///livez"), 400, "malformed-request"),
    ])
    func `Bytes that are no request get one problem, and the connection ends`(
        bytes: String,
        status: Int,
        type: String
    ) async throws {
        try await APITestNode.with { node in
            let (text, isEnded) = try await node.answer(to: Array(bytes.utf8)) { _ in false }
            #expect(text.hasPrefix("HTTP/1.1 \(status) "), "\(text)")
            #expect(text.matches(of: #/HTTP/1\.1 \d\d\d /#).count == 1, "\(text)")
            #expect(text.contains("\"urn:volary:problem:\(type)\""))
            #expect(isEnded)
        }
    }

    @Test(arguments: ["a b", "a/b", "a@b", "a:-1", "a:x", "a:65536", "a:80:80", "[::1", "[::1]x", "ä", "<a>", "a?b"])
    func `A Host that is no host is refused`(host: String) async throws {
        try await APITestNode.with { node in
            let bytes = Self.request("GET /livez", host: "Host: \(host)\r\n")
            let (text, isEnded) = try await node.answer(to: Array(bytes.utf8)) { _ in false }
            #expect(text.hasPrefix("HTTP/1.1 400 ") && text.contains(#""field":"Host""#), "\(text)")
            #expect(isEnded)
        }
    }

    @Test(arguments: ["", "a", "a.b-c_d", "a:", "a:8080", "127.0.0.1:80", "[::1]", "[::ffff:1.2.3.4]:80", "%C3%A4"])
    func `A Host that is one is taken`(host: String) async throws {
        try await APITestNode.with { node in
            let bytes = Self.request("GET /livez", "Connection: close\r\n", host: "Host: \(host)\r\n")
            let (text, _) = try await node.answer(to: Array(bytes.utf8)) { _ in false }
            #expect(text.hasPrefix("HTTP/1.1 200 "), "\(text)")
        }
    }

    @Test(arguments: [
        Self.request("GET /livez", "Connection: close\r\n"), Self.request("GET /livez", "Connection: Close\r\n"),
        Self.request("GET /livez", "Connection: x, close\r\n"),
        Self.request("GET /livez", "Connection: x\r\nConnection: close\r\n"), "GET /livez HTTP/1.0\r\n\r\n",
    ])
    func `A connection's last request is the last, however it says so, and what follows is not answered`(
        request: String
    ) async throws {
        try await APITestNode.with { node in
            for bytes in [request, request + Self.request("GET /livez"), request + "NONSENSE\r\n\r\n"] {
                let (text, isEnded) = try await node.answer(to: Array(bytes.utf8)) { _ in false }
                #expect(isEnded, "\(text)")
                #expect(text.hasPrefix("HTTP/1.1 200 ") && text.hasSuffix(#"{"live":true}"#), "\(text)")
                #expect(text.lowercased().contains("\r\nconnection: close\r\n"), "\(text)")
                #expect(text.matches(of: #/HTTP/1\.1 \d\d\d /#).count == 1, "\(text)")
            }
        }
    }

    @Test func `A whole URI for a target is as good as its path, and its host counts`() async throws {
        try await APITestNode.with { node in
            for (target, status) in [
                ("http://x/livez", 200), ("HTTPS://x:443/livez?", 200), ("http://x", 200), ("http://x?a", 200),
            ] {
                let bytes = Self.request("GET \(target)", "Connection: close\r\n", host: "Host: other\r\n")
                let (text, _) = try await node.answer(to: Array(bytes.utf8)) { _ in false }
                #expect(text.hasPrefix("HTTP/1.1 \(status) "), "\(target): \(text)")
            }
            for (origin, status) in [("http://x", 200), ("http://other", 403)] {
                let fields = "Origin: \(origin)\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: 15\r\n"
                let bytes = Self.request("POST http://x/api/connections/broadcast", fields, host: "Host: other\r\n")
                let (text, _) = try await node.answer(to: Array((bytes + #"{"message":"x"}"#).utf8)) { _ in false }
                #expect(text.hasPrefix("HTTP/1.1 \(status) "), "\(origin): \(text)")
            }
        }
    }

    @Test func `Who waits to be told is told to go on with the body, and only where one follows`() async throws {
        try await APITestNode.with { node in
            let body = #"{"message":"x"}"#
            let fields = "Expect: 100-continue\r\nContent-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n"
            let client = try await RawTestClient.connect(port: node.port)
            for answers in 1...2 {
                try await client.send(Self.request("POST /api/connections/broadcast", fields))
                let isTold = await eventually {
                    client.received.matches(of: #/HTTP/1\.1 100 Continue\r\n\r\n/#).count == answers
                }
                #expect(isTold, "\(client.received)")
                try await client.send(body)
                let isAnswered = await eventually {
                    client.received.matches(of: #/HTTP/1\.1 200 /#).count == answers
                }
                #expect(isAnswered, "\(client.received)")
            }
            let (text, _) = try await node.answer(
                to: Array(Self.request("GET /livez", "Expect: 100-continue\r\nConnection: close\r\n").utf8)
            ) { _ in false }
            #expect(text.hasPrefix("HTTP/1.1 200 "), "\(text)")
        }
    }

    @Test func `The answers before it come first, each to its own request`() async throws {
        try await APITestNode.with { node in
            let bytes = Self.request("GET /livez") + Self.request("GET /nowhere") + "NONSENSE\r\n\r\n"
            let (text, isEnded) = try await node.answer(to: Array(bytes.utf8)) { _ in false }
            let statuses = text.matches(of: #/HTTP/1\.1 (\d+) /#).map { String($0.1) }
            #expect(statuses == ["200", "404", "400"], "\(text)")
            #expect(isEnded)
        }
    }

    @Test(arguments: [
        ("TRACE", "/livez", 405, "method-not-allowed"),
        ("PURGE", "/livez", 405, "method-not-allowed"),
        ("POST", "/api/connections", 405, "method-not-allowed"),
        ("GET", "//api/connections", 404, "unknown-path"),
        ("GET", "/api//connections", 404, "unknown-path"),
        ("GET", "/api/connections/", 404, "unknown-path"),
        ("GET", "/api/connections/%zz", 400, "invalid-path"),
        ("GET", "/api/connections/%f", 400, "invalid-path"),
        ("GET", "/api/connections/%ff%fe", 400, "invalid-path"),
        ("GET", "/%c0%ae", 400, "invalid-path"),
        ("OPTIONS", "*", 404, "unknown-path"),
    ])
    func `Methods and paths that there are not`(method: String, path: String, status: Int, type: String) async throws {
        try await APITestNode.with { node in
            let answer = try await node.http.request(method, path)
            #expect(answer.status == status)
            #expect(answer.problem == type)
            #expect((answer[header: "allow"] != nil) == (status == 405))
        }
    }

    @Test(arguments: ["/nowhere", "/api/connections?limit=0", "/api/connections/x", "/api/connections/broadcast", "/%zz"])
    func `HEAD gets the head of the problem, and no body`(path: String) async throws {
        try await APITestNode.with { node in
            let (text, _) = try await node.answer(
                to: Array((Self.request("HEAD \(path)") + Self.request("GET /livez", "Connection: close\r\n")).utf8),
                until: { $0.contains("{\"live\":true}") }
            )
            // Read like a client: the next answer directly follows the first head.
            #expect(text.firstMatch(of: #/^HTTP/1\.1 4\d\d (?:[^\r]*\r\n)+\r\nHTTP/1\.1 200 /#) != nil, "\(text)")
        }
    }

    @Test func `A parameter in the path may be percent-encoded`() async throws {
        try await APITestNode.with { node in
            let answer = try await node.http.request("POST", "/api/groups/a%40b/send", body: #"{"message":"Hello!"}"#)
            #expect(answer.status == 200)
        }
    }
}
