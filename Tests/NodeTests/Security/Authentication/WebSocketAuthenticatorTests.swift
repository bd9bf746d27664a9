import Foundation
import NIOHTTP1
import TestSupport
import Testing

@testable import VolaryNode

/// One node at a time: many at once would leave none of them its time on a busy machine.
@Suite(.serialized)
struct WebSocketAuthenticatorTests {
    private static let handshake = [
        "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    ]

    private static func withTokens(
        _ options: [ConfigurationOption: String] = [:],
        _ body: (APITestNode) async throws -> Void
    ) async throws {
        let file = try TemporaryFile(TestKeys.secret)
        try await APITestNode.with(options.merging([.jwtKey: file.path]) { $1 }, body)
        withExtendedLifetime(file) {}
    }

    private static func token(
        _ user: String = "alice",
        in seconds: Double = 60,
        _ change: (inout TestClaims) -> Void = { _ in }
    ) async throws -> String {
        var claims = TestClaims(sub: user, exp: Date().timeIntervalSince1970 + seconds)
        change(&claims)
        return try await TestKeys.sign(claims)
    }

    private func connection(of user: String, on node: APITestNode, _ token: String) async throws -> [String: Any]? {
        var found: [String: Any]?
        _ = try await eventually {
            let answer = try await node.http.request(
                "GET",
                "/api/connections?user=\(user)",
                headers: ["Authorization": "Bearer \(token)"]
            )
            found = (answer.json["connections"] as? [[String: Any]])?.first
            return found != nil
        }
        return found
    }

    @Test func `A token may stand in a header, a subprotocol or the query, and says who connects`() async throws {
        try await Self.withTokens { node in
            let reader = try await Self.token("reader") { $0.permissions = ["read"] }
            for (user, place) in [("a", 0), ("b", 1), ("c", 2)] {
                let token = try await Self.token(user) { $0.groups = ["staff", "g-\(user)"] }
                let client = try await WebSocketTestClient.connect(
                    port: node.port,
                    path: place == 2 ? "/ws?access_token=\(token)" : "/ws",
                    options: .init(
                        subprotocols: place == 1 ? ["volary", "volary.token.\(token)"] : [],
                        headers: place == 0 ? ["Authorization": "Bearer \(token)"] : [:]
                    )
                )
                #expect(client.subprotocol == (place == 1 ? "volary" : nil))
                let listed = try await self.connection(of: user, on: node, reader)
                #expect(listed?["user"] as? String == user)
                #expect(listed?["groups"] as? [String] == ["g-\(user)", "staff"])
                try await client.close()
            }
        }
    }

    @Test func `A group of the token is reached by pushes as soon as the connection is listed`() async throws {
        try await Self.withTokens { node in
            let sender = try await Self.token("sender") { $0.permissions = ["read", "send"] }
            let token = try await Self.token { $0.groups = ["staff"] }
            let client = try await WebSocketTestClient.connect(
                port: node.port,
                options: .init(headers: ["Authorization": "Bearer \(token)"])
            )
            #expect(try await self.connection(of: "alice", on: node, sender) != nil)
            let answer = try await node.http.request(
                "POST",
                "/api/groups/staff/send",
                headers: ["Authorization": "Bearer \(sender)"],
                body: #"{"message":"for staff"}"#
            )
            #expect(answer.json["recipients"] as? Int == 1)
            guard case .text(let text) = try await client.next() else { throw WebSocketTestClient.Failure.ended }
            #expect(text.contains("for staff"))
        }
    }

    @Test(arguments: ["/ws", "/echo"])
    func `Every refusal has its status and its reason, and ends the connection`(path: String) async throws {
        let other = try await TestKeys.sign(
            TestClaims(sub: "a", exp: Date().timeIntervalSince1970 + 60),
            secret: TestKeys.otherSecret
        )
        let (good, old) = (try await Self.token(), try await Self.token(in: -60))
        let audience = try await Self.token { $0.aud = ["x"] }
        let long = try await Self.token(in: 3600)
        let refusals: [(target: String, headers: [String: String], fault: TokenError)] = [
            (path, [:], .missing), (path, ["Authorization": "Basic YTpi"], .missing),
            (path, ["Authorization": "Bearer"], .malformed),
            (path, ["Authorization": "Bearer \(old)"], .expired), (path, ["Authorization": "Bearer \(other)"], .signature),
            (path, ["Authorization": "Bearer \(audience)"], .unexpectedAudience),
            (path, ["Authorization": "Bearer x"], .malformed),
            (path, ["Sec-WebSocket-Protocol": "volary, volary.token.\(old)"], .expired),
            (path, ["Sec-WebSocket-Protocol": "volary"], .missing),
            ("\(path)?access_token=\(old)", [:], .expired), ("\(path)?access_token=", [:], .malformed),
            ("\(path)?access_token=\(long)", [:], .tooLongLived),
            ("\(path)?access_token=\(good)", ["Authorization": "Bearer \(good)"], .ambiguous),
        ]
        try await Self.withTokens { node in
            for (target, headers, fault) in refusals {
                let answer = try await node.http.request("GET", target, headers: Self.handshake.merging(headers) { $1 })
                #expect((answer.status, answer.problem) == (401, "unauthorized"), "\(fault)")
                #expect(answer.json["detail"] as? String == Problem.unauthorized(fault).detail)
                #expect(answer[header: "www-authenticate"]?.hasPrefix("Bearer") == true)
                #expect(answer[header: "connection"] == "close")
                for token in [good, old, other, audience, long] { #expect(!answer.body.contains(token)) }
            }
        }
    }

    @Test func `The end of the token is the end of the connection`() async throws {
        try await Self.withTokens { node in
            // Past its end already, and within the leeway: some seconds are left.
            let token = try await Self.token(in: -1)
            let options = WebSocketTestClient.Options(headers: ["Authorization": "Bearer \(token)"])
            let member = try await WebSocketTestClient.connect(port: node.port, options: options)
            let echo = try await WebSocketTestClient.connect(port: node.port, path: "/echo", options: options)
            for client in [member, echo] {
                #expect(await client.closed(within: .seconds(20)) == 3000)
                #expect(client.closeReason == "the token has expired")
            }
        }
    }

    @Test func `Without a token only those may connect who are let in as nobody, and a bad token is worse than none`()
        async throws
    {
        try await Self.withTokens([.anonymousClients: "on"]) { node in
            let client = try await WebSocketTestClient.connect(port: node.port)
            try await client.send("Hello!")
            _ = try await client.next()
            let bad = try await node.http.request(
                "GET",
                "/ws",
                headers: Self.handshake.merging(["Authorization": "Bearer x.y.z"]) { $1 }
            )
            #expect(bad.status == 401)
            // REST stays closed.
            #expect(try await node.http.request("GET", "/api/nodes").status == 401)
        }
    }

    @Test(arguments: ["/ws", "/echo"])
    func `Keys for REST alone close WebSockets`(_ path: String) async throws {
        try await APITestNode.with([.apiKey: "correct-horse-battery"]) { node in
            let answer = try await node.http.request("GET", path, headers: Self.handshake)
            #expect(answer.status == 401)
        }
    }

    @Test func `Keys for REST alone leave WebSockets open where clients may be anonymous`() async throws {
        try await APITestNode.with([.apiKey: "correct-horse-battery", .anonymousClients: "on"]) { node in
            let client = try await WebSocketTestClient.connect(port: node.port, path: "/echo")
            try await client.send("Hello!")
            #expect(try await client.next() == .text("Hello!"))
            #expect(try await node.http.request("GET", "/api/nodes").status == 401)
        }
    }

    @Test func `Who has a token is who it says, whatever the query says`() async throws {
        try await Self.withTokens([.insecureUserQuery: "on"]) { node in
            let token = try await Self.token("alice")
            let headers = Self.handshake.merging(["Authorization": "Bearer \(token)"]) { $1 }
            #expect(try await node.http.request("GET", "/ws?user=bob", headers: headers).status == 401)
        }
    }

    // MARK: - Origin

    @Test(arguments: [
        ("http://h", "h", true), ("https://h", "h", true), ("http://h:8080", "h:8080", true), ("http://h", "h:80", true),
        ("https://h", "h:443", true), ("http://[::1]:8080", "[::1]:8080", true), ("http://h", "H", true),
        ("http://h", "h:8080", false), ("http://h:8080", "h", false), ("https://h", "h:80", false), ("http://h.evil", "h", false),
        ("http://evil", "h", false), ("null", "h", false), ("", "h", false), ("", "", false), ("http://", "", false),
        ("ws://h", "h", true), ("wss://h:443", "h", true), ("WS://H:8080", "h:8080", true), ("ws://h:8080", "h", false),
        ("capacitor://h", "h", false), ("null", "null", false), ("file://", "", false), ("http://\u{301}", "\u{301}", false),
        ("file://h", "h", false), ("http://h/", "h", false), ("http://h@evil", "evil", false), ("http://h", "h\u{0}", false),
    ])
    func `A page's own node is the one that it came from: host and port`(origin: String, host: String, isOwn: Bool) {
        #expect(AllowedOrigins.isOwn(origin, host: host) == isOwn)
    }

    @Test func `By default only the node's own pages may connect, and programs without pages`() async throws {
        try await APITestNode.with { node in
            for (origin, isAllowed) in [("http://127.0.0.1:\(node.port)", true), ("http://127.0.0.1:1", false), ("null", false)] {
                try await self.expect(origin, isAllowed, on: node)
            }
            #expect(try await WebSocketTestClient.connect(port: node.port).closeCode == nil)
        }
    }

    @Test func `With a list what is on it may connect, and the node's own pages, to the letter`() async throws {
        try await APITestNode.with([.allowedOrigins: "https://app.example.org,http://localhost:3000"]) { node in
            for (origin, isAllowed) in [
                ("https://app.example.org", true), ("http://localhost:3000", true), ("http://app.example.org", false),
                ("https://app.example.org:8443", false), ("https://app.example.org.evil.example", false),
                ("http://localhost", false),
                ("http://127.0.0.1:\(node.port)", true), ("http://127.0.0.1:1", false), ("null", false), ("*", false),
                ("", false),
            ] {
                try await self.expect(origin, isAllowed, on: node)
            }
        }
        try await APITestNode.with([.allowedOrigins: "*"]) { node in
            for origin in ["null", "https://evil.example"] { try await self.expect(origin, true, on: node) }
        }
    }

    private func expect(_ origin: String, _ isAllowed: Bool, on node: APITestNode) async throws {
        for path in ["/ws", "/echo"] {
            if isAllowed {
                let options = WebSocketTestClient.Options(headers: ["Origin": origin])
                _ = try await WebSocketTestClient.connect(port: node.port, path: path, options: options)
            } else {
                let headers = Self.handshake.merging(["Origin": origin]) { $1 }
                let answer = try await node.http.request("GET", path, headers: headers)
                #expect((answer.status, answer.problem, answer.field) == (403, "origin-not-allowed", "Origin"), "\(origin)")
                #expect(answer[header: "connection"] == "close")
            }
        }
    }

    @Test func `Two origins are none`() {
        let access = WebSocketAuthenticator(origins: .all, tokens: nil, acceptsAnonymous: false)
        var request = HTTPRequestHead(version: .http1_1, method: .GET, uri: "/ws", headers: ["Host": "h", "Origin": "http://h"])
        #expect(throws: Never.self) { try access.checkOrigin(request) }
        request.headers.add(name: "Origin", value: "http://h")
        #expect(throws: WebSocketHandshake.Refusal.originNotAllowed) { try access.checkOrigin(request) }
    }

    // MARK: - Protected mode

    @Test(arguments: ["127.0.0.1", "127.1.2.3", "localhost", "::1"])
    func `On this machine's own address a node needs no keys`(host: String) throws {
        _ = try ConfigurationLoader(flags: [.host: host], environment: [:], file: nil).load()
    }

    @Test(arguments: [
        "0.0.0.0", "::", "192.168.0.1", "node1", "127.0.0.1.evil", "127.1", "1270.0.0.1", "localhost.", "127.0.0.256",
    ])
    func `Elsewhere it needs keys for REST and for WebSockets, or the word that it is meant`(host: String) throws {
        let key = try TemporaryFile(TestKeys.secret)
        func load(_ flags: [ConfigurationOption: String]) throws {
            _ = try ConfigurationLoader(flags: flags.merging([.host: host]) { $1 }, environment: [:], file: nil).load()
        }
        for flags: [ConfigurationOption: String] in [
            [:], [.apiKey: "correct-horse-battery"], [.anonymousClients: "on"], [.insecureUserQuery: "on"],
        ] {
            let error = #expect(throws: ConfigurationError.self) { try load(flags) }
            #expect(error?.option == "host" && error?.value == host)
        }
        for flags: [ConfigurationOption: String] in [
            [.jwtKey: key.path], [.apiKey: "correct-horse-battery", .anonymousClients: "on"], [.insecure: "on"],
        ] {
            #expect(throws: Never.self) { try load(flags) }
        }
    }
}
