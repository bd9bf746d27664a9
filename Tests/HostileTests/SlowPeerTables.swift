import TestSupport
import Testing

extension HostileTables {
    /// Peers that stop in each phase of a connection.
    @Suite
    struct SlowPeerTables {
        private static let options = [
            "--handshake-timeout", "500ms", "--idle-timeout", "1s", "--body-timeout", "1s", "--message-timeout", "1s",
            "--ping-interval", "1s",
            "--close-timeout", "500ms", "--max-unsent-age", "1s",
        ]

        /// The bytes that a peer sends, and the node's answer before it closes the connection.
        private struct Peer: Sendable {
            let name: String
            /// Sent one after the other, each after the answer to the one before.
            let bytes: [String]
            /// A part of the answer; nil if there must be none.
            let answer: String?
            /// The shortest time until the connection is closed.
            let atLeast: Duration
            /// Whether it uses plain TCP, even if the node uses TLS.
            var isPlain = false
            /// Whether it stops reading after the first answer.
            var stopsReading = false

            init(
                _ name: String,
                _ bytes: [String],
                _ answer: String?,
                _ atLeast: Duration,
                isPlain: Bool = false,
                stopsReading: Bool = false
            ) {
                (self.name, self.bytes, self.answer, self.atLeast) = (name, bytes, answer, atLeast)
                (self.isPlain, self.stopsReading) = (isPlain, stopsReading)
            }
        }

        private static let get = "GET /livez HTTP/1.1\r\nHost: h\r\n\r\n"
        private static let post = "POST /api/connections/broadcast HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"
        private static let socket = HandshakeRequest.text("/echo")
        private static let late = "message took too long to arrive"
        /// A masked message of 64 KiB.
        private static let large = "\u{82}\u{FF}\0\0\0\0\0\u{1}\0\0\0\0\0\0" + String(repeating: "x", count: 65_536)

        /// In the first request.
        private static let beginnings: [Peer] = [
            .init("sends nothing", [], nil, .milliseconds(400)),
            .init("stops in the request line", ["GET /li"], nil, .milliseconds(400)),
            .init("stops in the method", ["G"], nil, .milliseconds(400)),
            .init("sends only empty lines", ["\r\n\r\n"], nil, .milliseconds(400)),
            .init("stops in a field's name", ["GET /livez HTTP/1.1\r\nHost: h\r\nX-"], nil, .milliseconds(400)),
            .init("stops in a field's value", ["GET /livez HTTP/1.1\r\nHost: h\r\nX: "], nil, .milliseconds(400)),
            .init("stops in the head", ["GET /livez HTTP/1.1\r\nHost: h\r\n"], nil, .milliseconds(400)),
            .init("stops before the last byte of the head", [String(Self.get.dropLast())], nil, .milliseconds(400)),
            .init("stops in the handshake", [String(Self.socket.dropLast(30))], nil, .milliseconds(400)),
        ]

        /// In a body, and between requests.
        private static let requests: [Peer] = [
            .init("sends no body", ["\(post)Content-Length: 10\r\n\r\n"], "HTTP/1.1 408 ", .milliseconds(900)),
            .init("sends half a body", ["\(post)Content-Length: 10\r\n\r\n{\"mes"], "HTTP/1.1 408 ", .milliseconds(900)),
            .init(
                "waits for 100 and sends nothing",
                ["\(post)Content-Length: 10\r\nExpect: 100-continue\r\n\r\n"],
                "HTTP/1.1 408 ",
                .milliseconds(900)
            ),
            .init("stops in a chunk size", ["\(post)Transfer-Encoding: chunked\r\n\r\n5"], "HTTP/1.1 408 ", .milliseconds(900)),
            .init("stops in a chunk", ["\(post)Transfer-Encoding: chunked\r\n\r\n5\r\nab"], "HTTP/1.1 408 ", .milliseconds(900)),
            .init(
                "stops in the trailer",
                ["\(post)Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX: "],
                "HTTP/1.1 408 ",
                .milliseconds(900)
            ),
            .init("sends no second request", [get], "HTTP/1.1 200 ", .milliseconds(900)),
            .init("stops in a second request", [get, "GET /livez HTTP/1.1\r\nHo"], "HTTP/1.1 200 ", .milliseconds(900)),
            .init(
                "stops in a handshake after a request",
                [get, String(Self.socket.dropLast(2))],
                "HTTP/1.1 200 ",
                .milliseconds(900)
            ),
            .init("stays after a refusal", ["GET /livez HTTP/1.1\r\n\r\n"], "HTTP/1.1 400 ", .zero),
        ]

        /// On a WebSocket.
        private static let sockets: [Peer] = [
            .init("answers no ping", [socket], "HTTP/1.1 101 ", .milliseconds(900)),
            .init("sends one byte of a frame", [socket, "\u{81}"], late, .milliseconds(900)),
            .init("stops in a length", [socket, "\u{81}\u{FE}\u{1}"], late, .milliseconds(900)),
            .init("stops in a mask", [socket, "\u{81}\u{85}\0\0"], late, .milliseconds(900)),
            .init("stops in a payload", [socket, "\u{81}\u{85}\0\0\0\0abc"], late, .milliseconds(900)),
            .init("stops in a ping", [socket, "\u{89}\u{85}\0\0\0\0abc"], late, .milliseconds(900)),
            .init("stops in a message", [socket, "\u{1}\u{81}\0\0\0\0a"], late, .milliseconds(900)),
            .init("violates the protocol and stays", [socket, "\u{FF}\u{80}\0\0\0\0"], "\u{3}\u{EA}", .zero),
            .init("does not read its echoes", [socket, String(repeating: large, count: 200)], nil, .zero, stopsReading: true),
            .init(
                "does not read answers",
                [get, String(repeating: "GET /openapi.json HTTP/1.1\r\nHost: h\r\n\r\n", count: 1000)],
                nil,
                .zero,
                stopsReading: true
            ),
        ]

        /// Before the end of the TLS handshake.
        private static let secrets: [Peer] = [
            .init("sends nothing before TLS", [], nil, .milliseconds(400), isPlain: true),
            .init("stops in a record's header", ["\u{16}\u{3}"], nil, .milliseconds(400), isPlain: true),
            .init("stops in its hello", [String(Self.hello.dropLast(40))], nil, .milliseconds(400), isPlain: true),
            .init("sends nothing after its hello", [Self.hello], "\u{16}\u{3}\u{3}", .milliseconds(400), isPlain: true),
            .init(
                "stops after a record's header",
                ["\u{16}\u{3}\u{1}\u{3F}\u{FF}\u{1}"],
                nil,
                .milliseconds(400),
                isPlain: true
            ),
        ]

        /// A hello of OpenSSL that offers TLS 1.2.
        private static let hello = Exchange.text(
            ofHexadecimal: """
                16030100830100007f0303c9d94cb4fa0a2f4bed1523f3742ed12e8a3ee822b65246354a4f7d4915b47c47000004c02b00ff01000052\
                000b000403000102000a000c000a001d0017001e00190018002300000016000000170000000d002a0028040305030603080708080809\
                080a080b080408050806040105010601030303010302040205020602
                """
        )

        @Test(arguments: [false, true])
        func `A peer that stops is disconnected after the timeout of its phase`(
            _ isSecure: Bool
        ) async throws {
            let certificate = isSecure ? try TestCertificate() : nil
            let peers = Self.beginnings + Self.requests + Self.sockets + (isSecure ? Self.secrets : [])
            // The allocator keeps the freed memory of messages that were not read.
            try await HostileNode.run(Self.options, tls: certificate, growth: 48 << 20) { node in
                // All at the same time, since they only wait.
                let clients = try await withThrowingTaskGroup(of: RawTestClient.self) { group in
                    for peer in peers { group.addTask { try await Self.run(node, peer) } }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
                // Peers that do not read do not notice the end, and still exist.
                #expect(await node.hasClosedAll(within: .seconds(10)))
                withExtendedLifetime(clients) {}
            }
        }

        private static func run(_ node: HostileNode, _ peer: Peer) async throws -> RawTestClient {
            let start = ContinuousClock.now
            let tls = peer.isPlain ? nil : node.process.tls
            let client = try await RawTestClient.connect(port: node.process.port, tls: tls)
            for (index, bytes) in peer.bytes.enumerated() {
                if index > 0 {
                    #expect(await eventually { !client.bytes.isEmpty }, "\(peer.name)")
                    if peer.stopsReading { try await client.stopReading() }
                }
                _ = await client.sends(Exchange.bytes(bytes), within: .seconds(1))
            }
            guard !peer.stopsReading else { return client }
            #expect(
                await eventually(within: .seconds(8)) { client.isEnded },
                "\(peer.name) is still connected: \(client.received)"
            )
            #expect(start.duration(to: .now) >= peer.atLeast, "\(peer.name): \(start.duration(to: .now))")
            if let answer = peer.answer {
                #expect(client.bytes.firstRange(of: Exchange.bytes(answer)) != nil, "\(peer.name): \(client.received)")
            } else {
                #expect(client.bytes.isEmpty, "\(peer.name): \(client.received)")
            }
            return client
        }
    }
}
