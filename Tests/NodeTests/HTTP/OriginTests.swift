import TestSupport
import Testing

@testable import Node

@Suite("Pages of other origins")
struct OriginTests {
    private static let app = "https://app.example.org"
    private static let preflight = ["Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"]

    @Test(arguments: [
        ("*", AllowedOrigins.all), (Self.app, .these([Self.app])), ("HTTPS://App.Example.org", .these([Self.app])),
        ("https://app.example.org:443, http://localhost:3000", .these([Self.app, "http://localhost:3000"])),
        ("http://[::1]:8080,http://a:80", .these(["http://[::1]:8080", "http://a"])),
    ])
    func `Origins are kept as browsers write them`(text: String, origins: AllowedOrigins) {
        #expect(AllowedOrigins(text) == origins)
    }

    @Test(arguments: [
        "", ",", "a,", "null", "app.example.org", "https://", "https://a/", "https://a/b", "https://*.example.org", "ftp://a",
        "https://u@a",
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
        "https://APP.example.org", "null", "",
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
}
