import TestSupport
import Testing

extension HostileTables {
    /// Input that exceeds limits.
    @Suite
    struct LimitTables {
        // MARK: - Frames

        /// Frames of a client, and the code of the close frame that answers them. Autobahn tests the rest of the protocol.
        private static let frames: [(name: String, bytes: [UInt8], code: Int)] = [
            ("a length of 2^63", ClientFrame(opcode: 2, lengthForm: .sixtyFourBits, claimedLength: 1 << 63).bytes, 1002),
            ("a length of 2^64 - 1", ClientFrame(opcode: 2, lengthForm: .sixtyFourBits, claimedLength: .max).bytes, 1002),
            ("a length of 2^62", ClientFrame(opcode: 2, lengthForm: .sixtyFourBits, claimedLength: 1 << 62).bytes, 1009),
            ("a length above the limit", ClientFrame(opcode: 2, lengthForm: .sixtyFourBits, claimedLength: 65_537).bytes, 1009),
            (
                "a length of 64 bits that fits into 7", ClientFrame(opcode: 2, payload: [1], lengthForm: .sixtyFourBits).bytes,
                1002
            ),
            ("a length of 16 bits that fits into 7", ClientFrame(opcode: 2, payload: [1], lengthForm: .sixteenBits).bytes, 1002),
            ("a ping of 126 bytes", ClientFrame.ping([UInt8](repeating: 1, count: 126)), 1002),
            (
                "a ping that claims to be long", ClientFrame(opcode: 9, lengthForm: .sixtyFourBits, claimedLength: 1 << 40).bytes,
                1002
            ),
            ("a fragmented ping", ClientFrame(isFinal: false, opcode: 9).bytes, 1002),
            ("an opcode of 3", ClientFrame(opcode: 3).bytes, 1002),
            ("an opcode of 15", ClientFrame(opcode: 15).bytes, 1002),
            ("no mask", ClientFrame(opcode: 1, payload: [0x78], key: nil).bytes, 1002),
            ("a continuation without a message", ClientFrame.continuation("x"), 1002),
            ("a text inside a fragmented text", ClientFrame.text("x", isFinal: false) + ClientFrame.text("x"), 1002),
            ("a second reserved bit", ClientFrame(reserved: 2, opcode: 1).bytes, 1002),
            (
                "a compressed continuation", ClientFrame.text("x", isFinal: false) + ClientFrame(reserved: 4, opcode: 0).bytes,
                1002
            ),
            ("a compressed ping", ClientFrame(reserved: 4, opcode: 9).bytes, 1002),
            ("a text that is not UTF-8", ClientFrame.text([0xC0, 0x80]), 1007),
            ("half a character at the end", ClientFrame.text([0xE2, 0x82]), 1007),
            ("half a surrogate pair", ClientFrame.text([0xED, 0xA0, 0x80]), 1007),
            (
                "a message above the limit in two fragments",
                ClientFrame.binary([UInt8](repeating: 1, count: 40_000), isFinal: false)
                    + ClientFrame.continuation([UInt8](repeating: 1, count: 40_000)), 1009
            ),
            (
                "more fragments than allowed",
                ClientFrame.text("", isFinal: false)
                    + (0..<200).flatMap { _ in ClientFrame.continuation("", isFinal: false) }, 1008
            ),
            ("a compression bomb", Self.compressed(DeflateBomb.zeros(64 << 20)), 1009),
            ("a bomb just above the limit", Self.compressed(DeflateBomb.zeros(65_600)), 1009),
            ("a fragmented bomb", Self.inParts(DeflateBomb.zeros(1 << 20)), 1009),
            ("invalid DEFLATE data", Self.compressed([0xFF, 0xFF, 0xFF, 0xFF]), 1007),
            ("a distance to before the beginning", Self.compressed([0x03, 0x02]), 1007),
            ("a close of one byte", ClientFrame.close([3]), 1002), ("a close with 999", ClientFrame.close(999), 1002),
            ("a close with 1005", ClientFrame.close(1005), 1002), ("a close with 1006", ClientFrame.close(1006), 1002),
            ("a close with 65535", ClientFrame.close(65_535), 1002),
            ("a close with a reason that is not UTF-8", ClientFrame.close([3, 0xE8, 0xFF]), 1007),
            ("a close of 126 bytes", ClientFrame.close(1000, String(repeating: "x", count: 124)), 1002),
            (
                "bombs within the limit",
                (0..<50).flatMap { _ in Self.compressed(DeflateBomb.zeros(60_000)) } + ClientFrame.close(1000), 1000
            ),
        ]

        private static func compressed(_ payload: [UInt8]) -> [UInt8] {
            ClientFrame(reserved: 4, opcode: 2, payload: payload).bytes
        }

        private static func inParts(_ payload: [UInt8]) -> [UInt8] {
            let (first, rest) = (Array(payload.prefix(1000)), Array(payload.dropFirst(1000)))
            return ClientFrame(isFinal: false, reserved: 4, opcode: 2, payload: first).bytes
                + ClientFrame(opcode: 0, payload: rest).bytes
        }

        @Test func `A frame that violates a rule or a limit ends its own connection with the matching close code`() async throws {
            let options = ["--max-message", "64KiB", "--max-frames", "100", "--compression", "--close-timeout", "500ms"]
            try await HostileNode.run(options) { node in
                for (name, bytes, code) in Self.frames {
                    let client = try await RawTestClient.connect(port: node.process.port)
                    let handshake = HandshakeRequest.text("/echo", "Sec-WebSocket-Extensions: permessage-deflate\r\n")
                    try await client.send(bytes: Array(handshake.utf8) + bytes)
                    #expect(await eventually(within: .seconds(10)) { client.isEnded }, "\(name)")
                    let end = client.bytes.firstRange(of: Array("\r\n\r\n".utf8))?.upperBound ?? 0
                    #expect(client.received.hasPrefix("HTTP/1.1 101 "), "\(name): \(client.received)")
                    #expect(Self.closeCode(Array(client.bytes[end...])) == code, "\(name): \(client.bytes[end...].suffix(60))")
                }
            }
        }

        /// The code of the last frame, which a server sends unmasked and with a short length.
        static func closeCode(_ bytes: [UInt8]) -> Int? {
            var rest = bytes[...]
            while rest.count >= 2 {
                let start = rest.startIndex
                let length: Int
                let header: Int
                switch rest[start + 1] {
                case 127: (length, header) = (rest.dropFirst(2).prefix(8).reduce(0) { $0 << 8 | Int($1) }, 10)
                case 126: (length, header) = (rest.dropFirst(2).prefix(2).reduce(0) { $0 << 8 | Int($1) }, 4)
                default: (length, header) = (Int(rest[start + 1]), 2)
                }
                let payload = rest.dropFirst(header)
                if rest[start] == 0x88 { return length < 2 ? 1005 : payload.prefix(2).reduce(0) { $0 << 8 | Int($1) } }
                rest = payload.dropFirst(length)
            }
            return nil
        }

        // MARK: - Bodies

        private static let deep = String(repeating: "[", count: 100_000)

        /// Bodies of a broadcast, with the expected status.
        private static let bodies: [(name: String, body: String, status: Int)] = [
            ("deep lists", #"{"data":\#(deep)"#, 400),
            ("deep lists that are closed", #"{"data":\#(deep)\#(String(repeating: "]", count: 100_000))}"#, 400),
            ("deep objects", #"{"data":\#(String(repeating: #"{"a":"#, count: 50_000))"#, 400),
            ("a member twice", #"{"message":"a","message":"b"}"#, 400),
            ("a member twice, once escaped", #"{"message":"a","\u006dessage":"b"}"#, 400),
            ("message and data", #"{"message":"a","data":1}"#, 400),
            ("half a character", #"{"message":"\ud800"}"#, 400), ("not UTF-8", "{\"message\":\"\u{FF}\"}", 400),
            ("a NUL byte", "{\"message\":\"a\0\"}", 400),
            ("a byte order mark", "\u{EF}\u{BB}\u{BF}{\"message\":\"a\"}", 400),
            ("a second object", #"{"message":"a"}{"message":"b"}"#, 400),
            ("a comment", #"{"message":"a"/* */}"#, 400), ("an additional comma", #"{"message":"a",}"#, 400),
            ("an invalid number", #"{"data":01}"#, 400),
            ("a number of infinity", #"{"data":Infinity}"#, 400), ("UTF-16", "{\0}\0", 400), ("nothing", "", 400),
            ("a space", " ", 400),
            ("the prototype", #"{"__proto__":{"message":"a"}}"#, 400),
            ("an unknown member", #"{"message":"a","admin":true}"#, 400),
            ("an unfinished body of escapes", "{\"message\":\"\(String(repeating: "\\u0000", count: 100_000))", 400),
            ("above the limit", "{\"message\":\"\(String(repeating: "a", count: 1 << 20))\"}", 413),
        ]

        /// Paths of the API that contain names, with the expected status of a PUT.
        private static let names: [(name: String, path: String, status: Int)] = [
            ("an invalid id", "/api/groups/g/connections/x", 404),
            ("an id of another node", "/api/groups/g/connections/\(String(repeating: "0", count: 32))", 404),
            ("an empty group", "/api/groups//connections/ID", 404), ("a group with a NUL", "/api/groups/%00/connections/ID", 400),
            ("a group that is not UTF-8", "/api/groups/%ff/connections/ID", 400),
            ("a long group", "/api/groups/\(String(repeating: "g", count: 1025))/connections/ID", 400),
        ]

        @Test func `An invalid body, an invalid name and a 65th group are refused, and nothing of them is delivered`()
            async throws
        {
            try await HostileNode.run(["--max-body", "1MiB"]) { node in
                let http = HTTPTestClient(port: node.process.port)
                for (name, body, status) in Self.bodies {
                    let bytes = Exchange.bytes(body)
                    let head =
                        "POST /api/connections/broadcast HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Type: application/json\r\n"
                    let exchange = try await Exchange.with(
                        port: node.process.port,
                        "\(head)Content-Length: \(bytes.count)\r\n\r\n\(body)"
                    )
                    #expect(exchange.statuses == [status] && exchange.isEnded, "\(name): \(exchange.text)")
                }
                let client = try await WebSocketTestClient.connect(port: node.process.port, path: "/ws?welcome=on")
                guard case .text(let welcome) = try await client.next(),
                    let match = welcome.firstMatch(of: #/"id":"([0-9a-f]{32})"/#)
                else {
                    throw WebSocketTestClient.Failure.ended
                }
                let id = String(match.1)
                #expect(await eventually { (try? await http.request("GET", "/api/connections/\(id)"))?.status == 200 })
                for (name, path, status) in Self.names {
                    let answer = try await http.request("PUT", path.replacing("ID", with: id))
                    #expect(answer.status == status, "\(name): \(answer.body)")
                }
                for number in 0..<66 {
                    let answer = try await http.request("PUT", "/api/groups/g\(number)/connections/\(id)")
                    #expect(answer.status == (number < 64 ? 204 : 409), "\(number): \(answer.body)")
                }
                await client.disconnect()
            }
        }

        // MARK: - Floods

        @Test func `During floods of every kind on both paths, other clients are served, and memory stays bounded`()
            async throws
        {
            let options = [
                "--client-messages", "off", "--anonymous-clients", "--max-unsent", "256KiB", "--threads", "1", "--compression",
            ]
            try await HostileNode.run(options, environment: ["VOLARY_API_KEY": "correct-horse-battery"], growth: 48 << 20) {
                node in
                var floods: [FloodClient] = []
                for path in ["/ws", "/echo"] {
                    for kind in FloodClient.Kind.allCases {
                        floods.append(try await .start(kind, port: node.process.port, path: path))
                    }
                }
                for _ in 0..<10 {
                    try await Task.sleep(for: .milliseconds(150))
                    let start = ContinuousClock.now
                    try await node.expectOtherClientsUnaffected()
                    #expect(start.duration(to: .now) < .seconds(2))
                }
                #expect(floods.allSatisfy { $0.bytes > 64 << 10 && !$0.isEnded }, "\(floods.map(\.bytes))")
                for flood in floods { await flood.end() }
            }
        }
    }
}
