import Foundation
import HTTPTypes
import NIOCore
import NIOEmbedded
import NIOHTTP1
import Testing
import VolaryProtocol

@testable import VolaryNode

/// The opening handshake.
@Suite
struct WebSocketHandshakeTests {
    /// RFC 6455 section 1.2.
    private static func request(
        _ target: String = "/ws",
        method: HTTPMethod = .GET,
        version: HTTPVersion = .http1_1,
        _ change: (inout HTTPHeaders) -> Void = { _ in }
    ) -> HTTPRequestHead {
        var headers: HTTPHeaders = [
            "Host": "server.example.com", "Upgrade": "websocket", "Connection": "Upgrade",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
            "Origin": "http://example.com", "Sec-WebSocket-Protocol": "chat, superchat", "Sec-WebSocket-Version": "13",
        ]
        change(&headers)
        return HTTPRequestHead(version: version, method: method, uri: target, headers: headers)
    }

    private func refusal(_ request: HTTPRequestHead) -> WebSocketHandshake.Refusal? {
        do throws(WebSocketHandshake.Refusal) {
            _ = try WebSocketHandshake.validate(request, endpoints: [.plain, .echo], acceptsUserQuery: false)
            return nil
        } catch {
            return error
        }
    }

    @Test(arguments: [
        ("/ws", Endpoint.plain), ("/echo", .echo), ("/ws?", .plain), ("/ws?a=/echo", .plain), ("/echo?x=1&y", .echo),
    ])
    func `Two paths are WebSockets`(target: String, endpoint: Endpoint) throws {
        #expect(
            try WebSocketHandshake.validate(Self.request(target), endpoints: [.plain, .echo], acceptsUserQuery: false).endpoint
                == endpoint
        )
    }

    @Test(arguments: [
        ("/ws?user=alice", "alice"), ("/ws?a=b&user=a%40x&c=d", "a@x"), ("/ws?user=auth0%7C5%20%C3%A9/", "auth0|5 é/"),
        ("/ws?user=a+b", "a+b"), ("/ws?users=x", nil), ("/ws", nil),
    ])
    func `A user in the query is taken where that is allowed`(target: String, user: String?) throws {
        #expect(
            try WebSocketHandshake.validate(Self.request(target), endpoints: [.plain, .echo], acceptsUserQuery: true).user?.text
                == user
        )
        #expect(self.refusal(Self.request(target)) == (user == nil ? nil : .userNotAccepted))
    }

    @Test(arguments: ["/ws?user=", "/ws?user=%", "/ws?user=a%00b", "/ws?user=%C3", "/ws?user=a&user=a", "/ws?user=%ED%A0%80"])
    func `A user that is no name is refused`(target: String) {
        #expect(throws: WebSocketHandshake.Refusal.badUser) {
            try WebSocketHandshake.validate(Self.request(target), endpoints: [.plain, .echo], acceptsUserQuery: true)
        }
    }

    @Test(arguments: ["/", "", "/ws/", "/WS", "/ws/x", "/wss", "//ws", "/w%73", "*", "http://h/ws", "/echo/", "/api/ws", "ws"])
    func `Other paths are unknown`(target: String) {
        #expect(self.refusal(Self.request(target)) == .unknownPath)
    }

    @Test(arguments: [
        ("Upgrade", "WebSocket"), ("Upgrade", "h2c, websocket"), ("Upgrade", "websocket,h2c"),
        ("Connection", "keep-alive, Upgrade"),
        ("Connection", "UPGRADE"), ("Content-Length", "0"), ("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA=="),
        ("Sec-WebSocket-Key", "abc+/0189ABCxyzABCxyzQ=="),
    ])
    func `What the standard leaves open is taken`(name: String, value: String) {
        #expect(self.refusal(Self.request { $0.replaceOrAdd(name: name, value: value) }) == nil)
    }

    private static let forbidden: [(String, String?, WebSocketHandshake.Refusal)] = [
        ("Upgrade", "h2c", .notWebSocket), ("Upgrade", "websockets", .notWebSocket),
        ("Upgrade", nil, .notWebSocket),
        ("Connection", "close", .notWebSocket), ("Connection", nil, .notWebSocket),
        ("Sec-WebSocket-Version", "8", .unsupportedVersion), ("Sec-WebSocket-Version", "13, 8", .unsupportedVersion),
        ("Sec-WebSocket-Version", nil, .unsupportedVersion),
        ("Sec-WebSocket-Key", nil, .badKey), ("Sec-WebSocket-Key", "", .badKey),
        ("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAAAA", .badKey),
        ("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAA===", .badKey), ("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAA==", .badKey),
        ("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAAA==", .badKey), ("Sec-WebSocket-Key", "AAAAAAAAAA AAAAAAAAAAA==", .badKey),
        ("Sec-WebSocket-Key", "AAAAAAAAAA-_AAAAAAAAAA==", .badKey), ("Sec-WebSocket-Key", "éAAAAAAAAAAAAAAAAAAAA==", .badKey),
        ("Content-Length", "1", .hasBody), ("Content-Length", "99999999999999999999", .hasBody),
        ("Transfer-Encoding", "chunked", .hasBody),
    ]

    @Test(arguments: Self.forbidden)
    func `What the standard forbids is refused`(name: String, value: String?, refusal: WebSocketHandshake.Refusal) {
        let request = Self.request { headers in
            headers.remove(name: name)
            if let value { headers.add(name: name, value: value) }
        }
        #expect(self.refusal(request) == refusal)
    }

    @Test(arguments: [
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==", WebSocketHandshake.Refusal.badKey),
        ("Sec-WebSocket-Version", "13", .unsupportedVersion),
    ])
    func `A field that must come once is refused twice`(name: String, value: String, refusal: WebSocketHandshake.Refusal) {
        #expect(self.refusal(Self.request { $0.add(name: name, value: value) }) == refusal)
    }

    @Test(arguments: [HTTPMethod.POST, .HEAD, .PUT, .OPTIONS])
    func `Only GET upgrades`(method: HTTPMethod) {
        #expect(self.refusal(Self.request(method: method)) == .wrongMethod)
    }

    @Test func `Only HTTP 1 point 1 upgrades`() {
        #expect(self.refusal(Self.request(version: .http1_0)) == .wrongMethod)
    }

    private static let upgrades: [(String?, Bool)] = [
        ("websocket", true), ("WebSocket", true), ("h2c, websocket", true), ("h2c", false), ("websocket2", false), (nil, false),
    ]

    @Test(arguments: Self.upgrades)
    func `A request asks for a WebSocket by its upgrade header alone`(value: String?, asks: Bool) {
        let request = Self.request { headers in
            headers.remove(name: "Upgrade")
            headers.remove(name: "Connection")
            if let value { headers.add(name: "Upgrade", value: value) }
        }
        #expect(WebSocketHandshake.isAskedFor(request) == asks)
    }

    @Test func `The answer proves that the key was read, and chooses no subprotocol that is not ours`() throws {
        let client = try WebSocketHandshake.validate(Self.request(), endpoints: [.plain, .echo], acceptsUserQuery: false)
        let response = WebSocketHandshake.response(to: Self.request(), for: client)
        #expect(
            String(buffer: response) == """
                HTTP/1.1 101 Switching Protocols\r
                connection: upgrade\r
                upgrade: websocket\r
                sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r
                \r

                """
        )
    }

    @Test(arguments: ["volary", "volary, volary.token.a.b.c", "volary.token.a.b.c,volary", "chat, volary"])
    func `The answer chooses our subprotocol where it is offered, and never gives a token back`(offer: String) throws {
        let request = Self.request { $0.replaceOrAdd(name: "Sec-WebSocket-Protocol", value: offer) }
        let client = try WebSocketHandshake.validate(request, endpoints: [.plain, .echo], acceptsUserQuery: false)
        let lines = String(buffer: WebSocketHandshake.response(to: request, for: client)).split(separator: "\r\n")
        #expect(lines.filter { $0.hasPrefix("sec-websocket-protocol:") } == ["sec-websocket-protocol: volary"])
    }

    // MARK: - HTTP/2

    private static let key = ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")

    private static func extended(_ target: String, _ fields: [(String, String)]) -> HTTPRequestHead {
        HTTPRequestHead(version: .http1_1, method: .GET, uri: target, headers: HTTPHeaders([("host", "h")] + fields))
    }

    @Test(arguments: [
        ([("sec-websocket-version", "13")], []),
        ([("sec-websocket-version", "13"), Self.key], ["sec-websocket-accept=s3pPLMBiTxaQ9kYGzzhZRbK+xOo="]),
        (
            [
                ("sec-websocket-version", "13"), ("sec-websocket-protocol", "a, volary"),
                ("sec-websocket-extensions", "permessage-deflate"),
            ],
            [
                "sec-websocket-extensions=permessage-deflate; server_no_context_takeover; client_no_context_takeover",
                "sec-websocket-protocol=volary",
            ]
        ),
    ])
    func `An extended CONNECT needs no key and no upgrade, and the answer has what was asked for`(
        fields: [(String, String)],
        answer: [String]
    ) throws {
        let request = Self.extended("/ws", fields)
        let client = try WebSocketHandshake.validate(
            request,
            isExtendedConnect: true,
            endpoints: [.plain, .echo],
            acceptsUserQuery: false,
            compresses: true
        )
        #expect(WebSocketHandshake.fields(of: request, for: client).map { "\($0.name)=\($0.value)" } == answer)
    }

    @Test(arguments: [
        ("/ws", [], WebSocketHandshake.Refusal.unsupportedVersion),
        ("/ws", [("sec-websocket-version", "8")], .unsupportedVersion),
        ("/ws", [("sec-websocket-version", "13"), ("sec-websocket-version", "13")], .unsupportedVersion),
        ("/ws", [("sec-websocket-version", "13"), ("sec-websocket-key", "x")], .badKey),
        ("/ws", [("sec-websocket-version", "13"), ("sec-websocket-key", "")], .badKey),
        ("/ws", [("sec-websocket-version", "13"), Self.key, Self.key], .badKey),
        ("/ws", [("sec-websocket-version", "13"), ("sec-websocket-extensions", "a;")], .badExtensions),
        ("/nowhere", [("sec-websocket-version", "13")], .unknownPath),
        ("/ws?user=a", [("sec-websocket-version", "13")], .userNotAccepted),
        ("/ws?welcome=x", [("sec-websocket-version", "13")], .badWelcome),
    ])
    func `The other rules are those of an upgrade, and a key that is there must be one`(
        target: String,
        fields: [(String, String)],
        refusal: WebSocketHandshake.Refusal
    ) {
        #expect(throws: refusal) {
            try WebSocketHandshake.validate(
                Self.extended(target, fields),
                isExtendedConnect: true,
                endpoints: [.plain, .echo],
                acceptsUserQuery: false
            )
        }
    }

    @Test(arguments: [
        (WebSocketHandshake.Refusal.notWebSocket, 400, "not-a-websocket"), (.wrongMethod, 400, "not-a-websocket"),
        (.hasBody, 400, "not-a-websocket"), (.unknownProtocol, 501, "unknown-protocol"), (.unknownPath, 404, "unknown-path"),
        (.unsupportedVersion, 426, "unsupported-websocket-version"),
        (.badKey, 400, "bad-websocket-key"), (.draining, 503, "draining"),
        (.unknownConnection, 404, "unknown-connection"), (.connectionInUse, 409, "connection-in-use"),
    ])
    func `Each refusal is a problem with its status`(refusal: WebSocketHandshake.Refusal, status: Int, name: String) {
        #expect(refusal.problem.status.code == status)
        #expect(refusal.problem.name == name)
    }
}
