import Foundation
import TestSupport
import Testing

extension HostileTables {
    /// Tokens, messages and requests of Web PubSub that no correct client would send, over HTTP/1.1 and over streams of HTTP/2.
    @Suite
    struct PubSubInputTables {
        /// Making its keys takes a second.
        private static let forge = Result { try TokenForge() }

        private static func run(_ table: (HostileNode, TokenForge, RedisServer) async throws -> Void) async throws {
            let (keys, redis) = (try TemporaryFile(TokenForge.secret), try RedisServer.start())
            defer { redis.stop() }
            let options = ["--redis", redis.url, "--access-keys", keys.path, "--anonymous-clients"] + Carrier.options
            try await HostileNode.run(options, lasting: 4, growth: 48 << 20) {
                try await table($0, Self.forge.get(), redis)
            }
        }

        /// A token with the access key; `claims` come behind `aud` and `exp`.
        private static func token(_ forge: TokenForge, _ audience: String, _ claims: String = "") throws -> String {
            let expiry = Int(Date().timeIntervalSince1970) + 3600
            return try forge.token(TokenCase.hs256, #"{"aud":"\#(audience)","exp":\#(expiry)\#(claims)}"#, .secret)
        }

        private static let client = "http://test/client/hubs/h"
        private static let roles = #","role":["webpubsub.joinLeaveGroup","webpubsub.sendToGroup"]"#

        private static func handshake(_ query: String, reliable: Bool = false) -> String {
            let name = reliable ? "json.reliable.webpubsub.azure.v1" : "json.webpubsub.azure.v1"
            return HandshakeRequest.text("/client/hubs/h?\(query)", "Sec-WebSocket-Protocol: \(name)\r\n")
        }

        // MARK: - Tokens

        private static let expiry = #""exp":9999999999"#

        /// Header, claims and signature of tokens that open nothing.
        private static let badTokens: [(name: String, header: String, claims: String, signer: TokenForge.Signer)] = [
            ("none", #"{"alg":"none"}"#, #"{"aud":"\#(Self.client)",\#(Self.expiry)}"#, .bytes([])),
            ("none, signed", #"{"alg":"none"}"#, #"{"aud":"\#(Self.client)",\#(Self.expiry)}"#, .secret),
            ("HS512 by name", #"{"alg":"HS512"}"#, #"{"aud":"\#(Self.client)",\#(Self.expiry)}"#, .secret),
            ("another key", TokenCase.hs256, #"{"aud":"\#(Self.client)",\#(Self.expiry)}"#, .otherSecret),
            ("another payload", TokenCase.hs256, #"{"aud":"\#(Self.client)",\#(Self.expiry)}"#, .otherPayload),
            ("another hub", TokenCase.hs256, #"{"aud":"http://test/client/hubs/other",\#(Self.expiry)}"#, .secret),
            ("a longer hub", TokenCase.hs256, #"{"aud":"\#(Self.client)x",\#(Self.expiry)}"#, .secret),
            ("another host", TokenCase.hs256, #"{"aud":"http://evil.example/client/hubs/h",\#(Self.expiry)}"#, .secret),
            ("of REST", TokenCase.hs256, #"{"aud":"http://test/api/hubs/h/:send",\#(Self.expiry)}"#, .secret),
            ("expired", TokenCase.hs256, #"{"aud":"\#(Self.client)","exp":1}"#, .secret),
            ("no expiry", TokenCase.hs256, #"{"aud":"\#(Self.client)"}"#, .secret),
            ("an expiry in quotes", TokenCase.hs256, #"{"aud":"\#(Self.client)","exp":"9999999999"}"#, .secret),
            ("an expiry past 2^64", TokenCase.hs256, #"{"aud":"\#(Self.client)","exp":99999999999999999999999}"#, .secret),
            ("two audiences", TokenCase.hs256, #"{"aud":"x","aud":"\#(Self.client)",\#(Self.expiry)}"#, .secret),
            ("an audience that is an object", TokenCase.hs256, #"{"aud":{"a":1},\#(Self.expiry)}"#, .secret),
            ("a lone surrogate", TokenCase.hs256, #"{"aud":"\#(Self.client)",\#(Self.expiry),"sub":"\ud800"}"#, .secret),
            (
                "lists in lists", TokenCase.hs256,
                #"{"aud":"\#(Self.client)",\#(Self.expiry),"a":\#(String(repeating: "[", count: 3000))}"#, .secret
            ),
        ]

        @Test(arguments: Carrier.allCases)
        func `Forged tokens, and those of other hubs, hosts and times, open no connection`(_ carrier: Carrier) async throws {
            try await Self.run { node, forge, _ in
                for (name, header, claims, signer) in Self.badTokens {
                    let token = try forge.token(header, claims, signer)
                    let answer = try await Self.head(Self.handshake("access_token=\(token)"), node, carrier)
                    #expect(answer.hasPrefix("HTTP/1.1 401 "), "\(name): \(answer.prefix(300))")
                }
                let good = try Self.token(forge, Self.client)
                #expect(try await Self.head(Self.handshake("access_token=\(good)"), node, carrier).hasPrefix("HTTP/1.1 101 "))
            }
        }

        /// The beginning of the answer to a handshake.
        private static func head(_ text: String, _ node: HostileNode, _ carrier: Carrier) async throws -> String {
            let client = try await carrier.connect(port: node.process.port)
            try await client.send(text)
            #expect(await eventually { client.isEnded || client.received.contains("\r\n\r\n") })
            return client.received
        }

        @Test(arguments: Carrier.allCases)
        func `Forged reconnection tokens recover nothing`(_ carrier: Carrier) async throws {
            try await Self.run { node, forge, _ in
                let good = try Self.token(forge, Self.client)
                let victim = try await Self.connect(node, forge, carrier, reliable: true)
                let id = try #require(victim.received.firstMatch(of: /"connectionId":"([^"]+)"/)?.1)
                let tokens = ["", "x", "a.b.c", good, String(repeating: "A", count: 6000), "%F0%9F%98%80", "%00"]
                for connection in [String(id), "x", String(repeating: "0", count: 32), "%00"] {
                    for token in tokens {
                        let query = "access_token=\(good)&awps_connection_id=\(connection)&awps_reconnection_token=\(token)"
                        let client = try await carrier.connect(port: node.process.port)
                        try await client.send(Self.handshake(query, reliable: true))
                        let text = "The connection could not be recovered."
                        #expect(await eventually { client.received.contains(text) }, "\(connection), \(token.prefix(20))")
                        try await client.send(bytes: ClientFrame.close(1000))
                        #expect(await eventually { client.isEnded })
                    }
                }
                try await victim.send(bytes: ClientFrame.text(#"{"type":"ping"}"#))
                #expect(await eventually { victim.received.contains(#"{"type":"pong"}"#) })
                try await victim.send(bytes: ClientFrame.close(1000))
            }
        }

        // MARK: - Messages

        private enum Reaction {
            case closes
            case answers(String)
        }

        private static func join(_ group: String, ackID: String = "1") -> String {
            #"{"type":"joinGroup","group":"\#(group)","ackId":\#(ackID)}"#
        }

        private static let success = Reaction.answers(#""ackId":1,"success":true"#)
        private static let pong = Reaction.answers(#"{"type":"pong"}"#)
        private static let astral = String(repeating: "\u{1F600}", count: 512)
        private static let escaped = String(repeating: #"\ud83d\ude00"#, count: 512)
        private static let marks = String(repeating: "\u{301}\u{323}", count: 100_000)
        private static let fewMarks = String(repeating: "\u{301}\u{323}", count: 3000)

        private static let messages: [(name: String, text: String, reaction: Reaction)] = [
            ("lists in lists", String(repeating: "[", count: 500_000), .closes),
            ("objects in objects", String(repeating: #"{"a":"#, count: 100_000), .closes),
            ("data of lists", #"{"type":"sendToGroup","group":"g","data":\#(String(repeating: "[", count: 5000))"#, .closes),
            (
                "2^64 - 1", Self.join("g", ackID: "18446744073709551615"),
                .answers(#""ackId":18446744073709551615,"success":true"#)
            ),
            ("2^64", Self.join("g", ackID: "18446744073709551616"), .closes),
            ("below 0", Self.join("g", ackID: "-1"), .closes),
            ("a fraction", Self.join("g", ackID: "1.0"), .closes),
            ("an exponent", Self.join("g", ackID: "1e400"), .closes),
            ("100,000 digits", Self.join("g", ackID: String(repeating: "9", count: 100_000)), .closes),
            ("the type twice", #"{"type":"ping","type":"joinGroup","group":"g"}"#, .closes),
            ("the group twice", #"{"type":"joinGroup","group":"g","\u0067roup":"h"}"#, .closes),
            ("an unknown name twice", #"{"type":"ping","x":1,"x":2}"#, Self.pong),
            ("a high surrogate", Self.join(#"\ud800"#), .closes),
            ("a low surrogate", Self.join(#"\udc00x"#), .closes),
            ("a surrogate in data", #"{"type":"sendToGroup","group":"g","data":"\ud800"}"#, .closes),
            ("a surrogate in a name", #"{"type":"ping","\udfff":1}"#, .closes),
            ("1,024 units", Self.join(String(repeating: "g", count: 1024)), Self.success),
            ("1,025 units", Self.join(String(repeating: "g", count: 1025)), .closes),
            ("1,024 astral units", Self.join(Self.astral), Self.success),
            ("1,025 astral units", Self.join(Self.astral + "x"), .closes),
            ("1,024 escaped units", Self.join(Self.escaped), Self.success),
            ("1,025 escaped units", Self.join(Self.escaped + "x"), .closes),
            ("marks", Self.join(Self.marks), .closes),
            ("names of marks", #"{"type":"ping","\#(Self.marks)":1}"#, Self.pong),
            ("60,000 names", #"{"type":"ping""# + (0..<60_000).map { #","n\#($0)":1"# }.joined() + "}", Self.pong),
            ("above 1 MiB", #"{"type":"ping","x":"\#(String(repeating: "x", count: 1 << 20))"}"#, .closes),
            (
                "9 KiB of metadata", #"{"type":"event","event":"e","metadata":{"a":"\#(String(repeating: "v", count: 9000))"}}"#,
                .closes
            ),
            ("a line break in metadata", #"{"type":"event","event":"e","metadata":{"a":"b\r\nc: d"}}"#, .closes),
            ("a byte order mark", "\u{FEFF}" + #"{"type":"ping"}"#, .closes),
            ("two values", #"{"type":"ping"}{"type":"ping"}"#, .closes),
            ("nothing", "", .closes),
        ]

        @Test(arguments: zip(Carrier.allCases, [false, true]))
        func `Each message is answered or ends its own connection`(_ carrier: Carrier, reliable: Bool) async throws {
            try await Self.run { node, forge, _ in
                for (name, text, reaction) in Self.messages {
                    let client = try await Self.connect(node, forge, carrier, reliable: reliable)
                    _ = await client.sends(ClientFrame.text(text), within: .seconds(20))
                    switch reaction {
                    case .answers(let answer): #expect(await eventually { client.received.contains(answer) }, "\(name)")
                    case .closes:
                        #expect(await eventually { client.received.contains(#""event":"disconnected""#) }, "\(name)")
                    }
                    _ = await client.sends(ClientFrame.close(1000), within: .seconds(1))
                    #expect(await eventually { client.isEnded }, "\(name)")
                }
                try await node.expectOtherClientsUnaffected()
            }
        }

        private static func connect(
            _ node: HostileNode,
            _ forge: TokenForge,
            _ carrier: Carrier,
            reliable: Bool
        ) async throws -> RawTestClient {
            let client = try await carrier.connect(port: node.process.port)
            let token = try Self.token(forge, Self.client, Self.roles)
            try await client.send(Self.handshake("access_token=\(token)", reliable: reliable))
            #expect(await eventually { client.received.contains(#""event":"connected""#) })
            return client
        }

        @Test(arguments: zip(Carrier.allCases, [false, true]))
        func `A client with 500 groups costs its neighbors nothing`(_ carrier: Carrier, reliable: Bool) async throws {
            try await Self.run { node, forge, _ in
                let client = try await Self.connect(node, forge, carrier, reliable: reliable)
                for hundred in 0..<5 {
                    let joins = (0..<100).flatMap {
                        ClientFrame.text(Self.join("g\(hundred)-\($0)", ackID: "\(hundred * 100 + $0)"))
                    }
                    try await client.send(bytes: joins)
                    let last = hundred * 100 + 99
                    let answer = #""ackId":\#(last),"success":true"#
                    #expect(await eventually { Self.end(of: client).contains(answer) }, "\(last)")
                    try await node.expectOtherClientsUnaffected()
                }
                try await client.send(bytes: ClientFrame.close(1000))
                #expect(await eventually { client.isEnded })
            }
        }

        /// What it has received at last.
        private static func end(of client: RawTestClient) -> String { String(decoding: client.bytes.suffix(200), as: UTF8.self) }

        // MARK: - REST

        private static let bodies: [(name: String, body: String, status: Int)] = [
            ("good", #"{"groups":["g"]}"#, 200),
            ("a filter of 100 KB", #"{"groups":["g"],"filter":"\#(String(repeating: "(", count: 100_000))"}"#, 400),
            (
                "a filter of 110 levels",
                #"{"groups":["g"],"filter":"\#(String(repeating: "(", count: 110))true\#(String(repeating: ")", count: 110))"}"#,
                400
            ),
            ("a filter with a number past 2^64", #"{"groups":["g"],"filter":"length(userId) eq 18446744073709551616"}"#, 400),
            ("a filter of marks", #"{"groups":["g"],"filter":"userId eq '\#(Self.fewMarks)'"}"#, 200),
            ("10,000 groups", #"{"groups":[\#((0..<10_000).map { "\"g\($0)\"" }.joined(separator: ","))]}"#, 400),
            ("1,024 astral units", #"{"groups":["\#(Self.astral)"]}"#, 200),
            ("1,025 astral units", #"{"groups":["\#(Self.astral)x"]}"#, 400),
            ("a surrogate", #"{"groups":["\ud800"]}"#, 400),
            ("the groups twice", #"{"groups":["a"],"groups":["b"]}"#, 400),
            ("lists in lists", #"{"groups":\#(String(repeating: "[", count: 100_000))"#, 400),
            ("above 1 MiB", #"{"groups":["\#(String(repeating: "x", count: 1_100_000))"]}"#, 400),
        ]

        @Test(arguments: Carrier.allCases)
        func `Hostile bodies are refused, and a token is for one address`(_ carrier: Carrier) async throws {
            try await Self.run { node, forge, _ in
                let path = "/api/hubs/h/:addToGroups"
                func answer(_ body: String, _ audience: String) async throws -> String {
                    let token = try Self.token(forge, audience)
                    return try await carrier.request(
                        """
                        POST \(path) HTTP/1.1\r\nHost: test\r\nConnection: close\r\nAuthorization: Bearer \(token)\r\n\
                        Content-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)
                        """,
                        port: node.process.port
                    )
                }
                for (name, body, status) in Self.bodies {
                    let text = try await answer(body, "http://test\(path)")
                    #expect(text.hasPrefix("HTTP/1.1 \(status) "), "\(name): \(text.prefix(300))")
                }
                for audience in ["http://test/api/hubs/x/:addToGroups", "http://test/api/hubs/h", Self.client] {
                    #expect(try await answer(Self.bodies[0].body, audience).hasPrefix("HTTP/1.1 401 "), "\(audience)")
                }
            }
        }
    }
}
