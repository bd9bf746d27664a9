import NIOConcurrencyHelpers
import NIOCore
import TestSupport
import Testing

@testable import VolaryNode

/// Pages of other origins.
@Suite
struct OriginTests {
    private static let app = "https://app.example.org"
    private static let preflight = ["Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"]

    @Test(
        arguments: [
            ("HTTPS://App.Example.org", Self.app),
            ("https://app.example.org:443, http://localhost:3000", "http://localhost:3000,\(Self.app)"),
            ("http://[::1]:8080,http://a:80", "http://a,http://[::1]:8080"), ("wss://h:443,ws://h:80", "ws://h,wss://h"),
            ("https://[2001:DB8::A]", "https://[2001:db8::a]"), ("NULL", "null"), ("File://", "file://"),
            ("Capacitor://LocalHost", "capacitor://localhost"),
        ]
    )
    func `Scheme and host have no case, and a scheme's own port is none`(_ text: String, _ same: String) throws {
        #expect(try #require(AllowedOrigins(text)) == #require(AllowedOrigins(same)))
    }

    @Test(
        arguments: [
            ("http://h", "https://h"), ("http://h", "ws://h"), ("http://h:443", "http://h"), ("https://h:80", "https://h"),
            ("ws://h:443", "ws://h"), ("capacitor://h:80", "capacitor://h"), ("app://a", "app://b"), ("null", "file://"),
            ("http://h", "http://h."), ("http://null", "null"), ("tauri://localhost", "ionic://localhost"),
        ]
    )
    func `Origins that differ in scheme, host or port are others`(_ one: String, _ other: String) throws {
        let origins = try #require(AllowedOrigins(one))
        #expect(origins.contains(one) && !origins.contains(other))
        #expect(try !#require(AllowedOrigins(other)).contains(one))
    }

    @Test(arguments: [
        "", ",", "a,", "nul", "null:1", "app.example.org", "https://", "https://a/", "https://a/b", "https://*.example.org",
        "ftp://",
        "https://u@a", "file://h", "file:///", "file:", "1a://h", "a_b://h", "://h", "chrome-extension://", "https://a:000080",
        "https://a:", "https://a:0", "https://a:65536", "https://a:x", "https://[::1", "https://[]", "*,https://a",
        "https://ä.example", "https://a b",
    ])
    func `What is no origin stops the start`(text: String) throws {
        #expect(AllowedOrigins(text) == nil)
        #expect(throws: ConfigurationError.self) {
            try ConfigurationLoader(flags: [.corsOrigins: text], environment: [:], file: nil).load()
        }
    }

    @Test func `By default no other origin is let in`() async throws {
        try await APITestNode.with { node in
            for method in ["GET", "OPTIONS"] {
                let answer = try await node.http.request(method, "/api/connections", headers: ["Origin": Self.app])
                #expect(answer[header: "access-control-allow-origin"] == nil)
                #expect(answer[header: "vary"] == nil)
            }
        }
    }

    @Test func `One that is on the list may read answers and problems, and the headers that tell something`() async throws {
        try await APITestNode.with([.corsOrigins: "https://other.example,\(Self.app)"]) { node in
            for (path, status) in [
                ("/api/connections", 200), ("/api/connections?limit=0", 400), ("/api/nowhere", 404), ("/openapi.json", 200),
            ] {
                let answer = try await node.http.request("GET", path, headers: ["Origin": Self.app])
                #expect(answer.status == status)
                #expect(answer[header: "access-control-allow-origin"] == Self.app)
                #expect(
                    answer[header: "access-control-expose-headers"]
                        == "ETag, Location, Retry-After, Idempotency-Replayed, WWW-Authenticate"
                )
                #expect(answer[header: "access-control-allow-credentials"] == nil)
                #expect(answer[header: "vary"] == "Origin")
            }
        }
    }

    @Test func `A preflight is told the methods of the path`() async throws {
        try await APITestNode.with([.corsOrigins: Self.app]) { node in
            let headers = Self.preflight.merging(["Origin": Self.app]) { $1 }
            let answer = try await node.http.request("OPTIONS", "/api/connections/broadcast", headers: headers)
            #expect(answer.status == 204)
            #expect(answer[header: "access-control-allow-origin"] == Self.app)
            #expect(answer[header: "access-control-allow-methods"] == "OPTIONS, POST")
            #expect(
                answer[header: "access-control-allow-headers"] == "Authorization, Content-Type, Idempotency-Key, If-None-Match"
            )
            #expect(answer[header: "access-control-max-age"] == "600")
            #expect(answer[header: "vary"] == "Origin")
        }
    }

    @Test(arguments: [
        "http://app.example.org", "https://app.example.org:8443", "https://app.example.org.evil.example",
        "https://evil-app.example.org",
        "https://app.example.org.", "null", "",
    ])
    func `Scheme, host and port must be the same`(origin: String) async throws {
        try await APITestNode.with([.corsOrigins: Self.app]) { node in
            for (method, headers) in [("GET", [:]), ("OPTIONS", Self.preflight)] {
                let answer = try await node.http.request(
                    method,
                    "/api/connections",
                    headers: headers.merging(["Origin": origin]) { $1 }
                )
                #expect(answer[header: "access-control-allow-origin"] == nil)
                #expect(answer[header: "access-control-allow-methods"] == nil)
                #expect(answer[header: "vary"] == "Origin")
            }
        }
    }

    @Test func `A page that is not let in cannot post, not even a form that needs no leave`() async throws {
        try await APITestNode.with([.corsOrigins: Self.app]) { node in
            let own = "http://127.0.0.1:\(node.port)"
            for (origin, status) in [(Self.app, 200), (own, 200), ("https://evil.example", 403), ("null", 403)] {
                for type in ["application/json", "text/plain"] {
                    let answer = try await node.http.request(
                        "POST",
                        "/api/connections/broadcast",
                        headers: ["Origin": origin, "Content-Type": type],
                        body: #"{"message":"x"}"#
                    )
                    #expect(answer.status == (status == 200 && type == "text/plain" ? 415 : status), "\(origin) \(type)")
                }
            }
        }
    }

    @Test func `Everybody may be let in, to the API only`() async throws {
        try await APITestNode.with([.corsOrigins: "*"]) { node in
            let answer = try await node.http.request("GET", "/api/nodes", headers: ["Origin": "null"])
            #expect(answer[header: "access-control-allow-origin"] == "*")
            #expect(answer[header: "vary"] == nil)
            for path in ["/metrics", "/livez", "/readyz", "/swagger", "/apis", "/nowhere"] {
                let answer = try await node.http.request("GET", path, headers: ["Origin": Self.app])
                #expect(answer[header: "access-control-allow-origin"] == nil, "\(path)")
            }
        }
    }

    // MARK: - Programs with pages in them

    private static let programs = [
        "capacitor://localhost", "ionic://localhost", "tauri://localhost", "app://obsidian.md", "file://", "null",
        "chrome-extension://gighmmpiobklfepjocnamgkkbiglidom", "moz-extension://c6b1b3d6-6d5a-4d0d-8a3b-1f2e3d4c5b6a",
    ]

    @Test(arguments: Self.programs)
    func `Their origins may be listed, and the node's own stays`(_ origin: String) async throws {
        try await APITestNode.with([.allowedOrigins: origin, .corsOrigins: origin]) { node in
            let own = "127.0.0.1:\(node.port)"
            for allowed in [origin, "http://\(own)", "ws://\(own)", "wss://\(own)", "https://\(own)"] {
                let options = WebSocketTestClient.Options(headers: ["Origin": allowed])
                _ = try await WebSocketTestClient.connect(port: node.port, path: "/echo", options: options)
                let push = try await node.http.request(
                    "POST",
                    "/api/connections/broadcast",
                    headers: ["Origin": allowed],
                    body: #"{"message":"x"}"#
                )
                #expect(push.status == 200, "\(allowed)")
                #expect(push[header: "access-control-allow-origin"] == (allowed == origin ? origin : nil))
            }
            for other in Self.programs where other != origin {
                let options = WebSocketTestClient.Options(headers: ["Origin": other])
                await #expect(throws: (any Error).self) {
                    try await WebSocketTestClient.connect(port: node.port, path: "/echo", options: options)
                }
            }
        }
    }

    // MARK: - What is refused is told

    @Test
    func `A page on another port learns which option lets it in, from the answer and from the log; and it is counted`()
        async throws
    {
        let log = LogRecorder()
        try await APITestNode.with(logger: log.logger) { node in
            let page = "http://localhost:9501"
            let headers = [
                "Origin": page, "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
                "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
            ]
            for _ in 0..<5 {
                let answer = try await node.http.request("GET", "/ws", headers: headers)
                #expect(answer.status == 403 && answer.body.contains("--allowed-origins"), "\(answer.body)")
            }
            let post = try await node.http.request("POST", "/api/connections/broadcast", headers: ["Origin": page], body: "{}")
            #expect(post.status == 403 && post.body.contains("--cors-origins"), "\(post.body)")
            _ = try await node.http.request("GET", "/api/connections", headers: ["Origin": page])
            func lines(_ option: String) -> Int {
                log.lines.count { $0.contains("volary.option=\(option)") && $0.contains("volary.origin=\(page)") }
            }
            #expect(lines("allowed-origins") == 5)
            #expect(lines("cors-origins") == 2)
            let metrics = try await node.http.request("GET", "/metrics").body
            #expect(metrics.contains("\nvolary_handshakes_refused_total{reason=\"origin-not-allowed\"} 5\n"))
        }
    }
}
