import Foundation
import TestSupport
import Testing

extension HostileTables {
    /// Tokens: their signatures, their claims, and their places in a request.
    @Suite
    struct TokenTables {
        private static func run(_ table: (HostileNode, TokenForge) async throws -> Void) async throws {
            let forge = try TokenForge()
            let (secret, set) = (try TemporaryFile(TokenForge.secret), try TemporaryFile(try forge.keySet()))
            let options =
                [
                    "--jwt-key", secret.path, "--jwks", set.path, "--jwt-audience", TokenCase.audience, "--jwt-issuer",
                    TokenCase.issuer,
                ]
                + ["--max-header", "64KiB"]
            let token = try forge.token(TokenCase.hs256, TokenCase.claims(now: Self.now), .secret)
            try await HostileNode.run(options, headers: ["Authorization": "Bearer \(token)"]) { try await table($0, forge) }
        }

        private static var now: Int { Int(Date().timeIntervalSince1970) }

        /// Opens a WebSocket and closes it at once.
        private static func handshake(_ node: HostileNode, _ target: String, _ fields: String) async throws -> Exchange {
            let request = HandshakeRequest.text(target, fields)
            return try await Exchange.with(port: node.process.port, request + Exchange.closeFrame)
        }

        @Test func `A token is valid for REST and WebSockets or for neither, and a refusal reveals nothing about keys`()
            async throws
        {
            try await Self.run { node, forge in
                for one in TokenCase.all(now: Self.now, attackersKey: try forge.otherKey()) {
                    let token = try forge.token(one.header, one.claims, one.signer)
                    let field = "Authorization: Bearer \(token)\r\n"
                    let socket = try await Self.handshake(node, "/ws", field)
                    let request = "GET /api/nodes HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\(field)\r\n"
                    let call = try await Exchange.with(port: node.process.port, request)
                    // For REST, a valid token without permissions.
                    #expect(socket.statuses == [one.isGood ? 101 : 401] && socket.isEnded, "\(one.name): \(socket.text)")
                    #expect(call.statuses == [one.isGood ? 403 : 401] && call.isEnded, "\(one.name): \(call.text)")
                    for exchange in [socket, call] where !one.isGood {
                        #expect(
                            exchange.text.lowercased().contains("www-authenticate: bearer error=\"invalid_token\""),
                            "\(one.name)"
                        )
                        #expect(!exchange.text.contains(TokenForge.secret) && !exchange.text.contains(token), "\(one.name)")
                    }
                }
            }
        }

        /// Targets and header fields of handshakes with a valid token `{T}`, one that is valid for longer than a URL allows,
        /// `{L}`, and an invalid one, `{B}`.
        private static let places: [(name: String, target: String, fields: String, status: Int)] = [
            ("no token", "/ws", "", 401), ("in the header", "/ws", "Authorization: Bearer {T}\r\n", 101),
            ("bearer", "/ws", "authorization: bearer {T}\r\n", 101), ("two spaces", "/ws", "Authorization: Bearer  {T}\r\n", 101),
            ("a tab", "/ws", "Authorization: Bearer\t{T}\r\n", 401), ("no space", "/ws", "Authorization: Bearer{T}\r\n", 401),
            ("in quotes", "/ws", "Authorization: Bearer \"{T}\"\r\n", 401),
            ("a comma after it", "/ws", "Authorization: Bearer {T},\r\n", 401),
            ("a word after it", "/ws", "Authorization: Bearer {T} x\r\n", 401),
            ("after another scheme", "/ws", "Authorization: Basic YTpi, Bearer {T}\r\n", 401),
            ("in another scheme", "/ws", "Authorization: Token {T}\r\n", 401),
            ("a bare token", "/ws", "Authorization: {T}\r\n", 401),
            ("twice", "/ws", "Authorization: Bearer {T}\r\nAuthorization: Bearer {T}\r\n", 401),
            ("a good and a bad one", "/ws", "Authorization: Bearer {T}\r\nAuthorization: Bearer {B}\r\n", 401),
            ("next to another scheme", "/ws", "Authorization: Basic YTpi\r\nAuthorization: Bearer {T}\r\n", 101),
            ("after an empty one", "/ws", "Authorization: Bearer \r\nAuthorization: Bearer {T}\r\n", 401),
            ("in Proxy-Authorization", "/ws", "Proxy-Authorization: Bearer {T}\r\n", 401),
            ("in a cookie", "/ws", "Cookie: access_token={T}\r\n", 401),
            ("in another field", "/ws", "X-Access-Token: {T}\r\n", 401),
            ("a folded line", "/ws", "Authorization:\r\n Bearer {T}\r\n", 400),
            ("a subprotocol", "/ws", "Sec-WebSocket-Protocol: volary, volary.token.{T}\r\n", 101),
            (
                "a subprotocol in a second field", "/ws",
                "Sec-WebSocket-Protocol: volary\r\nSec-WebSocket-Protocol: volary.token.{T}\r\n", 101
            ),
            ("a subprotocol in capitals", "/ws", "Sec-WebSocket-Protocol: volary, VOLARY.TOKEN.{T}\r\n", 401),
            ("two subprotocols", "/ws", "Sec-WebSocket-Protocol: volary.token.{T}, volary.token.{T}\r\n", 401),
            ("an empty subprotocol", "/ws", "Sec-WebSocket-Protocol: volary, volary.token.\r\n", 401),
            ("the query", "/ws?access_token={T}", "", 101),
            ("the query with a token that is valid for too long", "/ws?access_token={L}", "", 401),
            ("the query in capitals", "/ws?ACCESS_TOKEN={T}", "", 401),
            ("the query twice", "/ws?access_token={T}&access_token={T}", "", 401),
            ("the query, empty and good", "/ws?access_token=&access_token={T}", "", 401),
            ("the query with an escape", "/ws?access_token=%65{T}", "", 401),
            ("the query with a plus", "/ws?access_token=+{T}", "", 401),
            ("the fragment", "/ws#access_token={T}", "", 404), ("the path", "/ws/{T}", "", 404),
            ("a matrix parameter", "/ws;access_token={T}", "", 404),
            ("the user part of a URI", "http://{T}@h/ws", "", 400),
            ("header and query", "/ws?access_token={T}", "Authorization: Bearer {T}\r\n", 401),
            ("header and subprotocol", "/ws", "Authorization: Bearer {T}\r\nSec-WebSocket-Protocol: volary.token.{T}\r\n", 401),
            ("query and subprotocol", "/ws?access_token={T}", "Sec-WebSocket-Protocol: volary.token.{T}\r\n", 401),
            ("a good header, a bad query", "/ws?access_token={B}", "Authorization: Bearer {T}\r\n", 401),
            ("a bad header, a good query", "/ws?access_token={T}", "Authorization: Bearer {B}\r\n", 401),
            ("another user's name", "/ws?user=root", "Authorization: Bearer {T}\r\n", 403),
        ]

        @Test func `A token is accepted in one of three places, and only in one at a time`() async throws {
            try await Self.run { node, forge in
                let good = try forge.token(TokenCase.hs256, TokenCase.claims(now: Self.now), .secret)
                let long = try forge.token(
                    TokenCase.hs256,
                    TokenCase.claims(now: Self.now, ["exp": "\(Self.now + 3600)"]),
                    .secret
                )
                let bad = try forge.token(TokenCase.hs256, TokenCase.claims(now: Self.now), .otherSecret)
                func filled(_ text: String) -> String {
                    text.replacing("{T}", with: good).replacing("{L}", with: long).replacing("{B}", with: bad)
                }
                for (name, target, fields, status) in Self.places {
                    let exchange = try await Self.handshake(node, filled(target), filled(fields))
                    #expect(exchange.statuses == [status] && exchange.isEnded, "\(name): \(exchange.text)")
                    #expect(![good, long, bad].contains { exchange.text.contains($0) }, "\(name): \(exchange.text)")
                }
            }
        }
    }
}
