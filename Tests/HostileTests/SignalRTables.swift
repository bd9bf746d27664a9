import TestSupport
import Testing

extension HostileTables {
    /// Handshakes and records that clients of SignalR never send.
    @Suite
    struct SignalRTables {
        /// The reference hub, which is beside the program.
        private static let reference = ["/bin/sh", "-c", #"exec "$(dirname "$0")/reference-hub" "$@""#]
        private static let path = "/hubs/reference"
        private static let json = ClientFrame.text("{\"protocol\":\"json\",\"version\":1}\u{1E}")
        private static let packed = ClientFrame.text("{\"protocol\":\"messagepack\",\"version\":1}\u{1E}")
        private static let deep = String(repeating: "[", count: 30_000)

        private static let handshakes: [(name: String, bytes: [UInt8])] = [
            ("no JSON", ClientFrame.text("hello\u{1E}")), ("a list", ClientFrame.text("[]\u{1E}")),
            ("nothing", ClientFrame.text("\u{1E}")), ("deep lists", ClientFrame.text("\(deep)\u{1E}")),
            ("no version", ClientFrame.text("{\"protocol\":\"json\"}\u{1E}")),
            ("a version below all", ClientFrame.text("{\"protocol\":\"json\",\"version\":-1}\u{1E}")),
            ("a version of infinity", ClientFrame.text("{\"protocol\":\"json\",\"version\":1e400}\u{1E}")),
            ("a protocol of 30,000 characters", ClientFrame.text("{\"protocol\":\"\(deep)\",\"version\":1}\u{1E}")),
            ("half a character", ClientFrame.text("{\"protocol\":\"\\ud800\",\"version\":1}\u{1E}")),
            ("bytes that are not UTF-8", ClientFrame.binary([0x7B, 0xFF, 0x7D, 0x1E])),
            ("a record before it", ClientFrame.text("{\"type\":6}\u{1E}")),
            ("MessagePack", ClientFrame.binary([2, 0x91, 6, 0x1E])),
            ("no end", ClientFrame.binary([UInt8](repeating: 0x20, count: 40_000))),
        ]

        private static let texts: [(name: String, record: String)] = [
            ("no JSON", "hello"), ("a list", "[]"), ("no type", "{}"), ("a type that is a text", #"{"type":"1"}"#),
            ("a type of infinity", #"{"type":1e400}"#), ("a call of nothing", #"{"type":1,"target":"","arguments":[]}"#),
            ("no arguments", #"{"type":1,"target":"Echo"}"#),
            ("arguments that are no list", #"{"type":1,"target":"Echo","arguments":{}}"#),
            ("deep arguments", #"{"type":1,"target":"Echo","arguments":"# + deep),
            ("256 arguments", #"{"type":1,"target":"Echo","arguments":[0"# + String(repeating: ",0", count: 255) + "]}"),
            (
                "101 streams",
                #"{"type":1,"target":"Sum","arguments":[],"streamIds":["0""# + String(repeating: #","1""#, count: 100) + "]}"
            ),
            ("a long id", #"{"type":5,"invocationId":"\#(String(repeating: "x", count: 129))"}"#),
            ("an id that is a number", #"{"type":1,"target":"Echo","arguments":[1],"invocationId":1}"#),
            ("a result and an error", #"{"type":3,"invocationId":"1","result":1,"error":"e"}"#),
            ("no item", #"{"type":2,"invocationId":"1"}"#),
            ("a record above the limit", #"{"type":6,"x":""# + String(repeating: "x", count: 33_000) + #""}"#),
        ]

        private static let lists: [(name: String, bytes: [UInt8])] = [
            ("a length without end", [UInt8](repeating: 0xFF, count: 20)),
            ("a length above the limit", [0x81, 0x80, 0x02, 0x91]),
            ("a length of 2^35", [0xFF, 0xFF, 0xFF, 0xFF, 0x7F]), ("no content", [0]), ("no list", [1, 0x06]),
            ("a byte that is never used", [1, 0xC1]), ("a list of 2^32 - 1 elements", [5, 0xDD, 0xFF, 0xFF, 0xFF, 0xFF]),
            ("a map of 2^32 - 1 members", [7, 0x96, 0x01, 0xDF, 0xFF, 0xFF, 0xFF, 0xFF]),
            ("a text of 2^32 - 1 bytes", [9, 0x96, 0x01, 0x80, 0xC0, 0xDB, 0xFF, 0xFF, 0xFF, 0xFF]),
            ("a target that is not UTF-8", [7, 0x96, 0x01, 0x80, 0xC0, 0xA1, 0xFF, 0x90]),
            ("a list that is too short", [2, 0x91, 0x01]),
            ("headers that are a number", [6, 0x94, 0x03, 0x07, 0xA1, 0x31, 0x02]),
            ("deep lists", [0x88, 0x27] + [UInt8](repeating: 0x91, count: 5000)),
            ("an unknown kind of completion", [6, 0x94, 0x03, 0x80, 0xA1, 0x31, 0x09]),
        ]

        /// Whether the node closes the connection of a client that sends this.
        private static func ends(_ node: HostileNode, _ bytes: [UInt8], _ name: String) async throws {
            let client = try await RawTestClient.connect(port: node.process.port)
            _ = await client.sends(Array(HandshakeRequest.text(self.path).utf8) + bytes, within: .seconds(10))
            #expect(await eventually(within: .seconds(10)) { client.isEnded }, "\(name)")
            let end = client.bytes.firstRange(of: Array("\r\n\r\n".utf8))?.upperBound ?? 0
            #expect(client.received.hasPrefix("HTTP/1.1 101 "), "\(name): \(client.received)")
            let code = LimitTables.closeCode(Array(client.bytes[end...]))
            #expect(code == 1000, "\(name): \(client.bytes[end...].suffix(60))")
        }

        @Test func `A handshake or a record that is malformed ends its own connection`() async throws {
            try await HostileNode.run(["--close-timeout", "500ms"], through: Self.reference) { node in
                for (name, bytes) in Self.handshakes { try await Self.ends(node, bytes, name) }
                for (name, record) in Self.texts {
                    try await Self.ends(node, Self.json + ClientFrame.text("\(record)\u{1E}"), name)
                }
                for (name, bytes) in Self.lists { try await Self.ends(node, Self.packed + ClientFrame.binary(bytes), name) }
            }
        }

        @Test func `Ids that are none, and negotiations of any form, are refused or answered`() async throws {
            try await HostileNode.run(through: Self.reference) { node in
                for id in ["x", "%00", "a&id=b", String(repeating: "A", count: 43), String(repeating: "0", count: 5000)] {
                    let exchange = try await Exchange.with(
                        port: node.process.port,
                        HandshakeRequest.text("\(Self.path)?id=\(id)"),
                        endsAfterAnswer: true
                    )
                    #expect(exchange.statuses == [404], "\(id): \(exchange.text)")
                }
                let http = HTTPTestClient(port: node.process.port)
                for version in ["9223372036854775808", "-9223372036854775808", "1e400", "", "1&negotiateVersion=x"] {
                    let answer = try await http.request("POST", "\(Self.path)/negotiate?negotiateVersion=\(version)")
                    #expect(answer.status == 200, "\(version): \(answer.body)")
                }
            }
        }

        @Test func `Clients that read nothing, and call and stream without end, take no more than their share`() async throws {
            try await HostileNode.run(["--max-unsent-age", "1s", "--close-timeout", "500ms"], through: Self.reference) { node in
                let count = "{\"type\":4,\"target\":\"Count\",\"arguments\":[1000000000],\"invocationId\":\"ID\"}\u{1E}"
                let echo = "{\"type\":1,\"target\":\"Echo\",\"arguments\":[1],\"invocationId\":\"ID\"}\u{1E}"
                let sum = "{\"type\":1,\"target\":\"Sum\",\"arguments\":[],\"streamIds\":[\"uID\"],\"invocationId\":\"ID\"}\u{1E}"
                for record in [count, echo, sum] {
                    let client = try await RawTestClient.connect(port: node.process.port)
                    try await client.stopReading()
                    let flood = (0..<10_000).flatMap { ClientFrame.text(record.replacing("ID", with: "\($0)")) }
                    _ = await client.sends(Array(HandshakeRequest.text(Self.path).utf8) + Self.json + flood, within: .seconds(2))
                    #expect(await node.status(of: "/livez") == 200)
                }
            }
        }
    }
}
