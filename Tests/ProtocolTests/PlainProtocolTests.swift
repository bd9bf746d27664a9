import Foundation
import NIOCore
import TestSupport
import Testing
import VolaryProtocol

/// What clients of the plain protocol read.
@Suite
struct PlainProtocolTests {
    private let sender = ConnectionID("a1b2c3d400000000000000000a0b0c0d")!

    private struct Decoded: Decodable, Equatable {
        let type: String
        var from: String?
        let message: String
        let timestamp: String
    }

    private func encode(_ kind: ServerMessage.Kind, from: ConnectionID? = nil, _ text: String) -> String {
        let message = ServerMessage(kind: kind, from: from, message: ByteBuffer(string: text), timestamp: 1_781_330_401_999)
        return String(buffer: message.encoded(allocator: ByteBufferAllocator()))
    }

    // MARK: - Messages

    @Test func `The messages are those of the documentation`() {
        let time = #""timestamp":"2026-06-13T06:00:01Z""#
        #expect(
            self.encode(.system, "Client a1b2c3d4 joined.") == #"{"type":"system","message":"Client a1b2c3d4 joined.",\#(time)}"#
        )
        #expect(
            self.encode(.echo, from: self.sender, "Hello!") == #"{"type":"echo","from":"a1b2c3d4","message":"Hello!",\#(time)}"#
        )
        #expect(
            self.encode(.message, from: self.sender, "Hello!")
                == #"{"type":"message","from":"a1b2c3d4","message":"Hello!",\#(time)}"#
        )
        #expect(self.encode(.serverBroadcast, "") == #"{"type":"server-broadcast","message":"",\#(time)}"#)
    }

    @Test
    func `What a push says more comes behind what it said before: its id, its group or user, and JSON as it was sent`() throws {
        let id = try #require(PublicationID("00112233445566778899aabb0a0b0c0d"))
        let awkward = try #require(AudienceName("/a \"b\"\n\u{301}"))
        let head = #"{"type":"server-broadcast""#
        let time = #","timestamp":"2026-06-13T06:00:01Z""#
        func encode(_ content: ServerMessage.Content, _ audience: Audience) -> String {
            let message = ServerMessage(
                kind: .serverBroadcast,
                content: content,
                timestamp: 1_781_330_401_042,
                id: id,
                audience: audience
            )
            return String(buffer: message.encoded(allocator: ByteBufferAllocator()))
        }
        for (audience, more) in [
            (.all, ""), (.connection(self.sender), ""), (.group(awkward), ",\"group\":\"/a \\\"b\\\"\\n\u{301}\""),
            (.user(awkward), ",\"user\":\"/a \\\"b\\\"\\n\u{301}\""),
        ] as [(Audience, String)] {
            #expect(encode(.text(ByteBuffer(string: "x")), audience) == #"\#(head),"message":"x"\#(time),"id":"\#(id)"\#(more)}"#)
            for data in ["7", "{ \"a\" : [\n] }", "null"] {
                #expect(
                    encode(.json(ByteBuffer(string: data)), audience)
                        == #"\#(head)\#(time),"id":"\#(id)"\#(more),"data":\#(data)}"#
                )
            }
        }
        // The longest of all: nothing is written past what was reserved.
        let longest = try #require(AudienceName(String(repeating: "\u{1}", count: 1024)))
        let json = encode(.text(ByteBuffer(string: String(repeating: "\u{1}", count: 5000))), .group(longest))
        #expect(json.utf8.count > 6 * 6024)
    }

    @Test
    func `Times may have their milliseconds, in every message`() {
        let message = ServerMessage(
            kind: .echo,
            from: self.sender,
            message: ByteBuffer(string: "x"),
            timestamp: 1_781_330_401_042
        )
        let json = String(buffer: message.encoded(allocator: ByteBufferAllocator(), precision: .milliseconds))
        #expect(json == #"{"type":"echo","from":"a1b2c3d4","message":"x","timestamp":"2026-06-13T06:00:01.042Z"}"#)
    }

    @Test
    func `Who a client is, in the first message to it`() throws {
        let (user, groups) = (AudienceName("auth0|7"), Set(["b", "/a \"b\""].compactMap { AudienceName($0) }))
        func encode(_ user: AudienceName?, _ groups: Set<AudienceName>, _ precision: Timestamp.Precision = .seconds) -> String {
            let welcome = WelcomeMessage(id: self.sender, node: "node1", user: user, groups: groups, timestamp: 1_781_330_401_042)
            return String(buffer: welcome.encoded(precision: precision))
        }
        let head = #"{"type":"welcome","timestamp":"2026-06-13T06:00:01Z","id":"a1b2c3d400000000000000000a0b0c0d","node":"node1""#
        #expect(encode(nil, []) == #"\#(head),"user":null,"groups":[]}"#)
        #expect(encode(user, groups) == #"\#(head),"user":"auth0|7","groups":["/a \"b\"","b"]}"#)
        #expect(encode(nil, [], .milliseconds).contains("06:00:01.042Z"))
        let many = Set((0..<64).compactMap { AudienceName("\($0)" + String(repeating: "\u{1}", count: 250)) })
        #expect(encode(AudienceName(String(repeating: "\u{1}", count: 1024)), many, .milliseconds).utf8.count > 64 * 6 * 250)
    }

    @Test
    func `Eight digits tell which ids begin with them, and where these are in the order of ids`() throws {
        for (digits, before, first, last) in [
            ("00000000", nil, "00000000000000000000000000000000", "00000000ffffffffffffffffffffffff"),
            (
                "00000001", "00000000ffffffffffffffffffffffff", "00000001000000000000000000000000",
                "00000001ffffffffffffffffffffffff"
            ),
            (
                "ffffffff", "fffffffeffffffffffffffffffffffff", "ffffffff000000000000000000000000",
                "ffffffffffffffffffffffffffffffff"
            ),
        ] {
            let short = try #require(ShortID(digits))
            let predecessor: ConnectionID? = short.predecessor()
            #expect(predecessor?.description == before)
            let (lowest, highest) = (try #require(ConnectionID(first)), try #require(ConnectionID(last)))
            #expect(short.begins(lowest) && short.begins(highest) && predecessor.map { short.begins($0) || $0 >= lowest } != true)
        }
        for wrong in ["", "0000000", "000000000", "0000000G", "0000000A"] { #expect(ShortID(wrong) == nil) }
    }

    @Test func `Quotes, backslashes and the usual control characters have their short escapes`() {
        #expect(self.encode(.system, "\"\\\n\r\t/").contains(#""message":"\"\\\n\r\t/""#))
        #expect(self.encode(.system, "\0\u{8}\u{1F}\u{7F}").contains("\"\\u0000\\u0008\\u001f\u{7F}\""))
    }

    @Test func `Every character comes back from a JSON decoder`() throws {
        var texts = (0...0xFF).map { String(Unicode.Scalar(UInt8($0))) }
        texts += ["a\u{0}b\u{1}\u{2}c", "\\\\\"\"", "\u{2028}\u{2029}", "👩‍👩‍👧‍👦é\u{301}", "\u{FFFF}\u{10FFFF}", "\\u0041", "\"}{\""]
        texts.append((0..<0x20).map { String(Unicode.Scalar(UInt8($0))) }.joined())
        for text in texts {
            let json = self.encode(.message, from: self.sender, text)
            #expect(!json.unicodeScalars.contains { $0.value < 0x20 })
            let decoded = try JSONDecoder().decode(Decoded.self, from: Data(json.utf8))
            #expect(decoded == Decoded(type: "message", from: "a1b2c3d4", message: text, timestamp: "2026-06-13T06:00:01Z"))
            #expect(Array(decoded.message.unicodeScalars) == Array(text.unicodeScalars))
        }
    }

    @Test func `What is to be escaped is found wherever it stands`() throws {
        let neighbours = ["x", "é", "!", "#", "[", "]", " ", "\u{7F}", "\u{10FFFF}"]
        for special in (0..<0x20).map({ String(Unicode.Scalar(UInt8($0))) }) + ["\"", "\\"] {
            for neighbour in neighbours {
                for place in 0..<18 {
                    let text =
                        String(repeating: neighbour, count: place) + special + String(repeating: neighbour, count: 17 - place)
                    let json = self.encode(.system, text)
                    #expect(try JSONDecoder().decode(Decoded.self, from: Data(json.utf8)).message == text)
                }
            }
        }
        let plain = neighbours.joined()
        #expect(self.encode(.system, plain).contains("\"\(plain)\""))
    }

    @Test func `Random texts come back from a JSON decoder`() throws {
        var generator = SplitMix64()
        for _ in 0..<500 {
            var scalars = String.UnicodeScalarView()
            for _ in 0..<Int.random(in: 0...60, using: &generator) {
                let limit: UInt32 = generator.chance(70) ? 0x80 : 0x11_0000
                guard let scalar = Unicode.Scalar(UInt32.random(in: 0..<limit, using: &generator)) else { continue }
                scalars.append(scalar)
            }
            let json = self.encode(.system, String(scalars))
            let decoded = try JSONDecoder().decode(Decoded.self, from: Data(json.utf8))
            #expect(decoded.from == nil)
            #expect(Array(decoded.message.unicodeScalars) == Array(scalars), "seed \(SplitMix64.seed)")
        }
    }

    // MARK: - Times

    @Test(arguments: [
        (Int64(0), "1970-01-01T00:00:00.000Z"), (-1, "1969-12-31T23:59:59.999Z"), (-86_400_000, "1969-12-31T00:00:00.000Z"),
        (1_781_330_401_042, "2026-06-13T06:00:01.042Z"), (951_782_400_000, "2000-02-29T00:00:00.000Z"),
        (4_107_542_400_000, "2100-03-01T00:00:00.000Z"), (-2_203_891_200_001, "1900-02-28T23:59:59.999Z"),
        (-62_167_219_200_000, "0000-01-01T00:00:00.000Z"), (-62_162_121_600_000, "0000-02-29T00:00:00.000Z"),
        (-62_135_596_800_000, "0001-01-01T00:00:00.000Z"), (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
        (253_402_300_800_000, "9999-12-31T23:59:59.999Z"), (.max, "9999-12-31T23:59:59.999Z"),
        (-62_167_219_200_001, "0000-01-01T00:00:00.000Z"), (.min, "0000-01-01T00:00:00.000Z"),
    ])
    func `Times at the edges`(milliseconds: Int64, text: String) {
        #expect(Timestamp.milliseconds(milliseconds) == text)
        #expect(Timestamp.seconds(milliseconds) == text.prefix(19) + "Z")
    }

    @Test(arguments: [
        (Int64(0), "Thu, 01 Jan 1970 00:00:00 GMT"), (-1, "Wed, 31 Dec 1969 23:59:59 GMT"),
        (784_111_777_000, "Sun, 06 Nov 1994 08:49:37 GMT"), (951_782_400_000, "Tue, 29 Feb 2000 00:00:00 GMT"),
        (1_781_330_401_042, "Sat, 13 Jun 2026 06:00:01 GMT"), (.max, "Fri, 31 Dec 9999 23:59:59 GMT"),
    ])
    func `Times in HTTP`(milliseconds: Int64, text: String) {
        #expect(Timestamp.http(milliseconds) == text)
    }

    @Test func `Times are those of Foundation's ISO 8601`() {
        var generator = SplitMix64()
        let formatter = ISO8601DateFormatter()
        formatter.timeZone = TimeZone(identifier: "UTC")
        // From the first year that is wholly Gregorian in Foundation's calendar.
        let range: ClosedRange<Int64> = -12_212_553_600_000...253_402_300_799_999
        let random = (0..<3000).map { _ in Int64.random(in: range, using: &generator) }
        let near = (0..<1000).map { _ in Int64.random(in: 0...4_102_444_800_000, using: &generator) }
        for milliseconds in random + near {
            // Whole seconds, rounded down: the formatter's own rounding is not what is compared.
            let seconds = (milliseconds >= 0 ? milliseconds : milliseconds - 999) / 1000
            let expected = formatter.string(from: Date(timeIntervalSince1970: Double(seconds)))
            let fraction = milliseconds - seconds * 1000
            #expect(Timestamp.seconds(milliseconds) == expected)
            let exact = "\(expected.dropLast()).\(String(fraction + 1000).dropFirst())Z"
            #expect(Timestamp.milliseconds(milliseconds) == exact)
        }
    }
}
