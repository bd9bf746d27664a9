import Foundation
import NIOCore
import NIOHTTP1
import TestSupport
import Testing
import VolaryProtocol

@testable import VolaryNode

/// The cost of text from a peer is about the same per byte, whatever the text is. Swift compares `String` and `Character` by
/// canonical equivalence, which takes quadratic time for sequences of combining marks that are not in canonical order.
@Suite(.serialized, .timeLimit(.minutes(5)))
struct PeerTextCostTests {
    /// Texts with the same number of bytes.
    struct Filling: Sendable {
        let bytes: Int
        /// For comparison: plain ASCII.
        let isOfMarks: Bool

        private func filled(_ marks: String, _ ascii: String) -> String {
            String(repeating: self.isOfMarks ? marks : ascii, count: self.bytes / marks.utf8.count)
        }

        var raw: String { self.filled("\u{301}\u{323}", "abcd") }
        var percent: String { self.filled("%CC%81%CC%A3", "%61%62%63%64") }
        var escaped: String { self.filled("\\u0301\\u0323", "\\u0061\\u0062") }
    }

    /// A request, optionally followed by a WebSocket message. `RAW`, `PERCENT` and `ESCAPED` are replaced by the text.
    struct Input: Sendable {
        let request: String
        var body = ""
        /// Sent after the handshake: a close frame with this code, or a text message for 0.
        var frame: (code: UInt16, text: String)?
        /// Size of the text in bytes.
        var bytes = 60_000
        /// Bytes of the answer that mark its arrival.
        var answerBytes = 1

        var description: String {
            let frame = self.frame.map { "\($0)" } ?? ""
            return "\(self.request)\(self.body)\(frame)".replacing(PeerTextCostTests.handshake, with: "")
                .replacing("\r\n", with: " ")
        }

        func encoded(_ filling: Filling) -> [UInt8] {
            /// Replaces one of the three words, wherever it occurs.
            func filled(_ text: String) -> String {
                for (word, filling) in [("RAW", filling.raw), ("PERCENT", filling.percent), ("ESCAPED", filling.escaped)]
                where text.contains(word) {
                    return text.split(separator: word, omittingEmptySubsequences: false).joined(separator: filling)
                }
                return text
            }
            let body = filled(self.body)
            let length = body.isEmpty ? "" : "Content-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n"
            let head = "\(filled(self.request))Host: x\r\n\(length)\r\n"
            guard let frame else { return Array((head + body).utf8) }
            let text = filled(frame.text)
            return Array(head.utf8) + (frame.code == 0 ? ClientFrame.text(text) : ClientFrame.close(frame.code, text))
        }
    }

    /// Maximum cost relative to plain ASCII, for an input that takes at least a millisecond.
    private static let maximumRatio = 10.0

    private static let handshake =
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    private static let push = #"{"message":"x"}"#

    // MARK: - Inputs

    /// Every field that the node or one of its libraries reads, and some that are not read. What precedes the text lets it pass
    /// earlier checks.
    private static let fields: [Input] = [
        "Host: RAW", "Origin: https://RAW", "If-None-Match: RAW", "If-None-Match: \"x\", RAW", "Authorization: RAW",
        "Authorization: Bearer RAW", "Content-Type: RAW", "Content-Type: application/json; x=RAW", "Content-Encoding: RAW",
        "Transfer-Encoding: RAW", "Expect: RAW", "Connection: RAW", "Upgrade: websocket, RAW", "Sec-WebSocket-Key: RAW",
        "Sec-WebSocket-Version: RAW", "Sec-WebSocket-Protocol: volary, RAW", "Sec-WebSocket-Protocol: volary.token.RAW",
        "Sec-WebSocket-Extensions: RAW", "Sec-WebSocket-Extensions: permessage-deflate; RAW", "Idempotency-Key: RAW",
        "X-Forwarded-For: 127.0.0.1, RAW", "X-Forwarded-For: RAW", "Access-Control-Request-Method: RAW", "Cookie: a=RAW",
        "User-Agent: RAW", "Accept: RAW", "Other: RAW",
    ].flatMap { field in
        [
            Input(request: "GET /openapi.json HTTP/1.1\r\n\(field)\r\n"),
            Input(request: "POST /api/connections/broadcast?wait=none HTTP/1.1\r\n\(field)\r\n", body: Self.push),
            Input(request: "GET /ws HTTP/1.1\r\n\(Self.handshake)\(field)\r\n"),
        ]
    }

    private static let targets: [Input] =
        [
            "/api/connections?limit=PERCENT", "/api/connections?cursor=PERCENT", "/api/connections?node=PERCENT",
            "/api/connections?user=PERCENT", "/api/connections?group=PERCENT", "/api/connections?wait=PERCENT",
            "/api/connections?PERCENT=1", "/RAW", "/api/connections?user=RAW", "http://RAW/livez", "/PERCENT",
            "/api/connections/PERCENT", "/swagger/PERCENT", "/ws?user=PERCENT", "/ws?welcome=PERCENT", "/ws?access_token=PERCENT",
            "/ws?other=PERCENT",
        ].map { target in
            Input(request: "GET \(target) HTTP/1.1\r\n\(target.hasPrefix("/ws") ? Self.handshake : "")")
        }
        + [
            "/api/connections/broadcast?wait=PERCENT", "/api/connections/broadcast?timeout=PERCENT",
            "/api/connections/broadcast?timeout=5sPERCENT", "/api/groups/PERCENT/send", "/api/users/PERCENT/send",
            "/api/nodes/PERCENT/drain",
        ].map { target in
            Input(request: "POST \(target) HTTP/1.1\r\n", body: Self.push)
        } + [
            // The longest names.
            Input(request: "POST /api/groups/PERCENT/send?wait=none HTTP/1.1\r\n", body: Self.push, bytes: 6144),
            Input(request: "GET /api/connections?user=PERCENT&group=PERCENT HTTP/1.1\r\n", bytes: 6144),
        ]

    private static let bodies: [Input] = ["RAW", "ESCAPED"].flatMap { text in
        [
            #"{"\#(text)":1}"#, #"{"message":"\#(text)"}"#, #"{"data":"\#(text)"}"#, #"{"message":"\#(text)","message":1}"#,
            #"{"data":{"\#(text)":1,"\#(text)b":2}}"#, #""\#(text)""#, #"["\#(text)"]"#, text,
        ].map { Input(request: "POST /api/connections/broadcast?wait=none HTTP/1.1\r\n", body: $0) }
    }

    /// Also the first message of a connection. All messages on `/echo` and `/ws` are handled in the same way.
    private static let messages: [Input] =
        ["/echo", "/ws"].map { path in
            Input(request: "GET \(path) HTTP/1.1\r\n\(Self.handshake)", frame: (0, "RAW"), answerBytes: 60_000)
        } + [
            Input(request: "GET /echo HTTP/1.1\r\n\(Self.handshake)", frame: (3000, "RAW"), bytes: 120, answerBytes: 130)
        ]

    // MARK: - Over a socket

    private func time(_ bytes: [UInt8], _ answerBytes: Int, _ node: APITestNode) async throws -> Double {
        let client = try await RawTestClient.connect(port: node.port)
        let start = ContinuousClock.now
        try await client.send(bytes: bytes)
        while !client.isEnded, client.bytes.count < answerBytes { try await Task.sleep(for: .microseconds(200)) }
        return start.duration(to: .now) / .milliseconds(1)
    }

    /// The minimum of up to five runs of each, because other load on the machine only increases times.
    private func check(_ input: String, _ time: (_ isOfMarks: Bool) async throws -> Double) async throws {
        var (marks, ascii) = (Double.infinity, Double.infinity)
        for _ in 0..<5 {
            ascii = min(ascii, try await time(false))
            marks = min(marks, try await time(true))
            // Noise cannot cause such a clear result.
            let ratio = marks / max(ascii, 1)
            if ratio <= Self.maximumRatio || ratio > 5 * Self.maximumRatio { break }
        }
        if let path = ProcessInfo.processInfo.environment["VOLARY_COST_TABLE"], let file = FileHandle(forWritingAtPath: path) {
            file.seekToEndOfFile()
            file.write(Data(String(format: "%8.2f ms %8.2f ms  %@\n", ascii, marks, input).utf8))
        }
        #expect(marks <= Self.maximumRatio * max(ascii, 1), "\(input): \(marks) ms, of ASCII \(ascii) ms")
    }

    @Test(arguments: [[:], [ConfigurationOption.jwtKey: TestKeys.secret, .trustedProxies: "127.0.0.1"]])
    func `Combining marks in a request or a message cost what ASCII costs`(options: [ConfigurationOption: String]) async throws {
        var options = options
        let secrets = try options[.jwtKey].map { try TemporaryFile($0) }
        options[.jwtKey] = secrets?.path
        options[.maximumHeader] = "512KiB"
        try await APITestNode.with(options) { node in
            for input in Self.fields + Self.targets + Self.bodies + (secrets == nil ? Self.messages : []) {
                let name = "\(secrets == nil ? "open" : "guarded"): \(input.description)"
                try await self.check(name) { isOfMarks in
                    let bytes = input.encoded(Filling(bytes: input.bytes, isOfMarks: isOfMarks))
                    return try await self.time(bytes, input.answerBytes, node)
                }
            }
        }
    }

    // MARK: - Of pure functions

    private static let claims = [
        #""iss":"T""#, #""aud":"T""#, #""aud":["T"]"#, #""sub":"T""#, #""groups":["T","Tb"]"#, #""groups":"T""#,
        #""permissions":["T"]"#,
        #""scope":"T read""#, #""scope":"T""#, #""T":1,"Tb":2"#, #""x":{"T":"T"}"#, #""exp":"T""#,
    ]

    @Test(arguments: claims)
    func `Combining marks in a claim of a token cost what ASCII costs`(claim: String) async throws {
        let rules = TokenClaims.Rules(audience: "aud", issuer: "iss")
        let good = #""exp":1800000060,"sub":"s","aud":"aud","iss":"iss""#.split(separator: ",").map(String.init)
        for isEscaped in [false, true] {
            try await self.check("claim\(isEscaped ? ", escaped" : ""): \(claim)") { isOfMarks in
                let filling = Filling(bytes: 60_000, isOfMarks: isOfMarks)
                let member = claim.replacing("T", with: isEscaped ? filling.escaped : filling.raw)
                let name = claim.prefix { $0 != ":" }
                let json = "{" + (good.filter { !$0.hasPrefix(name) } + [member]).joined(separator: ",") + "}"
                return self.time { _ = try? TokenClaims(payload: ByteBuffer(string: json)).verify(rules, now: 1_800_000_000_000) }
            }
        }
    }

    @Test(arguments: [#""alg":"T""#, #""kid":"T","alg":"HS256""#, #""T":1,"alg":"HS256""#, #""crit":["T"],"alg":"HS256""#])
    func `Combining marks in the header of a token cost what ASCII costs`(member: String) async throws {
        // The maximum size of a token.
        let key = TokenKey(secret: Array(TestKeys.secret.utf8))
        let verifier = try TestKeys.verifier([key])
        try await self.check("header of a token: \(member)") { isOfMarks in
            let filling = Filling(bytes: 10_000, isOfMarks: isOfMarks)
            let header = Base64URL.encode("{\(member.replacing("T", with: filling.raw))}".utf8)
            let start = ContinuousClock.now
            _ = try? await verifier.verify("\(header).e30.AAAA")
            return start.duration(to: .now) / .milliseconds(1)
        }
    }

    @Test(arguments: [
        "T", "T, 192.0.2.1", "192.0.2.1, T", "for=T", "for=\"T\"", "T=1", "for=192.0.2.1;T=\"T\"", "[T]", "_T", "T:80",
    ])
    func `Combining marks in what proxies say cost what ASCII costs`(value: String) async throws {
        let peer = try #require(IPAddress("10.0.0.1"))
        for header in TrustedProxies.Header.allCases {
            let proxies = TrustedProxies(ranges: AddressRange.list("10.0.0.0/8,192.0.2.0/24") ?? [], header: header)
            try await self.check("\(header.rawValue): \(value)") { isOfMarks in
                let text = value.replacing("T", with: Filling(bytes: 60_000, isOfMarks: isOfMarks).raw)
                let head = HTTPRequestHead(version: .http1_1, method: .GET, uri: "/ws", headers: [header.rawValue: text])
                return self.time { _ = try? proxies.client(of: head, from: peer) }
            }
        }
        try await self.check("PROXY \(value)") { isOfMarks in
            let text = value.replacing("T", with: Filling(bytes: 80, isOfMarks: isOfMarks).raw)
            return self.time {
                var bytes = ByteBuffer(string: "PROXY TCP4 \(text)\r\n")
                _ = try? ProxyHeader.next(&bytes)
            }
        }
    }

    private func time(_ body: () -> Void) -> Double { ContinuousClock().measure(body) / .milliseconds(1) }
}
