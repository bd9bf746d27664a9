import Foundation
import TestSupport
import Testing

@testable import VolaryNode
@testable import VolaryProtocol

/// Tokens and origins of SignalR's browsers.
@Suite(.serialized)
struct SignalRAccessTests {
    private static let negotiate = "/hubs/reference/negotiate"
    private static let page = "https://app.example.org"
    private static let preflight = [
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type,x-requested-with,x-signalr-user-agent",
    ]

    @Test func `A token of an hour is taken from the header of a negotiation and from the query of its WebSocket`() async throws {
        let file = try TemporaryFile(TestKeys.secret)
        let options: [ConfigurationOption: String] = [.jwtKey: file.path, .apiKey: PubSubNode.apiKey]
        let token = try await TestKeys.sign(TestClaims(sub: "ann", exp: Date().timeIntervalSince1970 + 3600))
        let old = try await TestKeys.sign(TestClaims(sub: "ann", exp: Date().timeIntervalSince1970 - 60))
        try await APITestNode.with(1, options, makeHubs: SignalRHub.served) { nodes in
            let node = nodes[0]
            for (bearer, status) in [(token, 200), (old, 401), ("x", 401)] {
                let headers = ["Authorization": "Bearer \(bearer)"]
                #expect(try await node.http.request("POST", Self.negotiate, headers: headers).status == status)
            }
            #expect(try await node.http.request("POST", "\(Self.negotiate)?access_token=\(token)").status == 401)
            let answer = try await node.http.request(
                "POST",
                "\(Self.negotiate)?negotiateVersion=1",
                headers: ["Authorization": "Bearer \(token)"]
            )
            let id = try #require(answer.json["connectionToken"] as? String)
            let path = "/hubs/reference?id=\(id)&access_token="
            for wrong in [old, "x", ""] { await #expect(throws: TestClient.Failure.self) { try await node.open(path + wrong) } }
            try await SignalRClient(socket: try await node.open(path + token), encoding: .json).shakeHands()
            let connection = try #require(answer.json["connectionId"] as? String)
            let listed = try await node.http.request(
                "GET",
                "/api/connections/\(connection)?hub=reference",
                headers: ["Authorization": "Bearer \(PubSubNode.apiKey)"]
            )
            #expect(listed.json["user"] as? String == "ann", "\(listed.body)")
            // The other protocols of the path have subprotocols for tokens.
            await #expect(throws: (any Error).self) {
                try await WebSocketTestClient.connect(
                    port: node.port,
                    path: "/hubs/reference?access_token=\(token)",
                    options: .init(subprotocols: ["hub.volary.json"])
                )
            }
        }
        withExtendedLifetime(file) {}
    }

    @Test(arguments: [Self.page, "*"])
    func `A page that may open WebSockets may negotiate with credentials`(origins: String) async throws {
        try await APITestNode.with(1, [.allowedOrigins: origins], makeHubs: SignalRHub.served) { nodes in
            let asked = try await nodes[0].http.request(
                "OPTIONS",
                Self.negotiate,
                headers: Self.preflight.merging(["Origin": Self.page]) { $1 }
            )
            #expect(asked.status == 204)
            #expect(asked[header: "access-control-allow-methods"] == "OPTIONS, POST")
            #expect(
                asked[header: "access-control-allow-headers"]
                    == "Authorization, Content-Type, X-Requested-With, X-SignalR-User-Agent"
            )
            let answer = try await nodes[0].http.request("POST", Self.negotiate, headers: ["Origin": Self.page])
            #expect(answer.status == 200)
            for answer in [asked, answer] {
                #expect(answer[header: "access-control-allow-origin"] == Self.page)
                #expect(answer[header: "access-control-allow-credentials"] == "true")
                #expect(answer[header: "vary"] == "Origin")
            }
        }
    }

    @Test func `Another page may not, also when it may use the API`() async throws {
        let options: [ConfigurationOption: String] = [.corsOrigins: Self.page, .allowedOrigins: "https://other.example.org"]
        try await APITestNode.with(1, options, makeHubs: SignalRHub.served) { nodes in
            let answer = try await nodes[0].http.request("POST", Self.negotiate, headers: ["Origin": Self.page])
            #expect(answer.status == 403 && answer.body.contains("--allowed-origins"), "\(answer.body)")
            let asked = try await nodes[0].http.request(
                "OPTIONS",
                Self.negotiate,
                headers: Self.preflight.merging(["Origin": Self.page]) { $1 }
            )
            for answer in [answer, asked] {
                #expect(answer[header: "access-control-allow-origin"] == nil)
                #expect(answer[header: "access-control-allow-credentials"] == nil)
            }
            let own = ["Origin": "http://127.0.0.1:\(nodes[0].port)"]
            #expect(try await nodes[0].http.request("POST", Self.negotiate, headers: own).status == 200)
        }
    }

    @Test(arguments: [Self.page, "*"])
    func `A page that may open WebSockets may poll and post with credentials, and read events`(origins: String) async throws {
        try await APITestNode.with(1, [.allowedOrigins: origins], makeHubs: SignalRHub.served) { nodes in
            let (node, origin) = (nodes[0], ["Origin": Self.page])
            let client = try await SignalRRequester.negotiate(nodes)
            let asked = try await node.http.request("OPTIONS", client.path, headers: Self.preflight.merging(origin) { $1 })
            #expect(asked.status == 204)
            #expect(asked[header: "access-control-allow-methods"] == "DELETE, GET, HEAD, OPTIONS, POST")
            let answers = [
                asked, try await client.poll(headers: origin),
                try await node.http.request("POST", client.path, headers: origin, body: "x"),
                try await client.request("DELETE", headers: origin), try await client.request("DELETE", headers: origin),
            ]
            #expect(answers.map(\.status) == [204, 200, 200, 202, 404])
            for answer in answers {
                #expect(answer[header: "access-control-allow-origin"] == Self.page)
                #expect(answer[header: "access-control-allow-credentials"] == "true")
                #expect(answer[header: "vary"] == "Origin")
            }
            let events = try await SignalRRequester.negotiate(nodes).events("Origin: \(Self.page)\r\n")
            let head = events.received.lowercased()
            for line in ["access-control-allow-origin: \(Self.page)", "access-control-allow-credentials: true", "vary: origin"] {
                #expect(head.contains(line), "\(head)")
            }
        }
    }

    @Test func `Another page may neither poll nor post nor end a connection, nor read events`() async throws {
        try await APITestNode.with(1, [.allowedOrigins: "https://other.example.org"], makeHubs: SignalRHub.served) { nodes in
            let client = try await SignalRRequester.negotiate(nodes)
            for method in ["GET", "POST", "DELETE"] {
                let answer = try await client.request(method, headers: ["Origin": Self.page])
                #expect(answer.status == 403 && answer.problem == "origin-not-allowed", "\(method)")
                #expect(answer[header: "access-control-allow-origin"] == nil)
            }
            let events = try await client.events("Origin: \(Self.page)\r\n")
            #expect(events.received.hasPrefix("HTTP/1.1 403 "))
        }
    }
}
