import NIOCore
import TestSupport
import Testing

@testable import VolaryBackplane

struct RESPDecoderTests {
    private static let conversation =
        "+OK\r\n-ERR no\r\n:-42\r\n$5\r\nhe\r\no\r\n$0\r\n\r\n$-1\r\n*-1\r\n*0\r\n"
        + "*3\r\n$7\r\nmessage\r\n$10\r\nvolary:all\r\n$3\r\n\u{1}\r\n\r\n*2\r\n*2\r\n:1\r\n*0\r\n+x\r\n:7\r\n"
    private static let meaning: [RESPValue] = [
        .status("OK"), .error("ERR no"), .integer(-42), .bulk(.init(string: "he\r\no")), .bulk(.init()), .null, .null, .array([]),
        .array([.bulk(.init(string: "message")), .bulk(.init(string: "volary:all")), .bulk(.init(string: "\u{1}\r\n"))]),
        .array([.array([.integer(1), .array([])]), .status("x")]), .integer(7),
    ]

    private func decode(_ portions: [String], limits: RESPDecoder.Limits = .init()) throws -> [RESPValue] {
        let decoder = RESPDecoder(limits: limits)
        var values: [RESPValue] = []
        for portion in portions { try decoder.decode(ByteBuffer(string: portion), into: &values) }
        return values
    }

    @Test func `Every split gives the same values`() throws {
        let bytes = ByteBuffer(string: Self.conversation)
        for cut in 0...bytes.readableBytes {
            let decoder = RESPDecoder()
            var values: [RESPValue] = []
            try decoder.decode(bytes.getSlice(at: 0, length: cut)!, into: &values)
            try decoder.decode(bytes.getSlice(at: cut, length: bytes.readableBytes - cut)!, into: &values)
            #expect(values == Self.meaning, "cut at \(cut)")
        }
    }

    @Test func `Byte by byte gives the same values`() throws {
        let decoder = RESPDecoder()
        var values: [RESPValue] = []
        for byte in Self.conversation.utf8 { try decoder.decode(ByteBuffer(bytes: [byte]), into: &values) }
        #expect(values == Self.meaning)
    }

    @Test func `Replies that begin alike are told apart`() throws {
        let long = String(repeating: "n", count: 65)
        let names = ["message", "massage", "message", "messages", "", long, long, "message"]
        let pushes = names.flatMap { kind in names.map { [kind, $0, kind + $0] } }
        let text = pushes.map { "*3\r\n" + $0.map { "$\($0.utf8.count)\r\n\($0)\r\n" }.joined() }.joined()
        let expected = pushes.map { RESPValue.array($0.map { .bulk(ByteBuffer(string: $0)) }) }
        #expect(try self.decode([text]) == expected)
        #expect(try self.decode(text.map(String.init)) == expected)
    }

    @Test func `Many replies in one read are linear`() throws {
        // Larger than any portion, so that the reader's buffer is moved while it is worked off.
        let one = "$1000\r\n" + String(repeating: "x", count: 1000) + "\r\n"
        let values = try self.decode([String(repeating: one, count: 5000)])
        #expect(values.count == 5000)
        #expect(Set(values) == [.bulk(.init(repeating: UInt8(ascii: "x"), count: 1000))])
    }

    @Test(arguments: [
        "?\r\n", "$abc\r\n", "$-2\r\n", ":1x\r\n", ":\r\n", "*abc\r\n", "*-2\r\n", "*9999999999\r\n", ":99999999999999999999\r\n",
        "*1\r\n?", "hello\r\n", "HTTP/1.1 400 Bad Request\r\n", "\0\0\0\0", "*2\r\n:1\r\n\r\n",
    ])
    func `What is no reply is malformed`(bytes: String) {
        #expect {
            try self.decode([bytes])
        } throws: { error in
            if case RESPError.malformed = error { true } else { false }
        }
    }

    @Test(arguments: [
        "_\r\n", "#t\r\n", ",1.5\r\n", "%1\r\n+a\r\n+b\r\n", "~1\r\n+a\r\n", ">1\r\n+a\r\n", "(12\r\n", "=5\r\ntxt:a\r\n",
    ])
    func `What only RESP 3 has is refused`(bytes: String) {
        // hiredis 0.14 does not know these types, 1.x does.
        #expect {
            try self.decode([bytes])
        } throws: { error in
            if case RESPError.malformed = error { true } else { error as? RESPError == .unsupportedType }
        }
    }

    @Test func `A huge array is refused before it costs anything`() {
        #expect(throws: RESPError.tooManyElements) { try self.decode(["*1000001\r\n"]) }
        #expect(throws: RESPError.tooManyElements) { try self.decode(["*2147483647\r\n"]) }
        #expect(throws: RESPError.tooManyElements) { try self.decode(["*600000\r\n*600000\r\n"]) }
        #expect(throws: Never.self) { try self.decode(["*1000000\r\n"]) }
    }

    @Test func `Deep nesting is refused`() throws {
        let seven = String(repeating: "*1\r\n", count: 7) + ":1\r\n"
        #expect(try self.decode([seven]).count == 1)
        #expect(throws: RESPError.self) { try self.decode([String(repeating: "*1\r\n", count: 100)]) }
        #expect(throws: RESPError.tooDeep) {
            try self.decode([String(repeating: "*1\r\n", count: 4)], limits: .init(depth: 3))
        }
    }

    @Test func `A string that claims too much is refused at its length`() {
        let limits = RESPDecoder.Limits(replyBytes: 1000)
        #expect(throws: Never.self) { try self.decode(["$900\r\n"], limits: limits) }
        #expect(throws: RESPError.tooLarge) { try self.decode(["$1001\r\n"], limits: limits) }
        #expect(throws: RESPError.tooLarge) { try self.decode(["$9223372036854775807\r\n"]) }
        #expect(throws: RESPError.tooLarge) { try self.decode(["$9223372036854775806\r\nabc"]) }
        #expect(throws: RESPError.self) { try self.decode(["$18446744073709551617\r\nabc"]) }
    }

    @Test func `A reply of many strings is bounded as a whole`() {
        let strings = String(repeating: "$100\r\n" + String(repeating: "x", count: 100) + "\r\n", count: 20)
        #expect(throws: RESPError.tooLarge) { try self.decode(["*20\r\n", strings], limits: .init(replyBytes: 1000)) }
        #expect(throws: Never.self) { try self.decode([strings], limits: .init(replyBytes: 1000)) }
    }

    @Test func `A line without an end is refused`() {
        #expect(throws: RESPError.tooLarge) { try self.decode(["+" + String(repeating: "x", count: 100_000)]) }
        #expect(throws: RESPError.tooLarge) { try self.decode(["$" + String(repeating: "0", count: 100)]) }
    }

    @Test func `After an error the decoder is dead`() throws {
        let decoder = RESPDecoder()
        var values: [RESPValue] = []
        #expect(throws: RESPError.self) { try decoder.decode(ByteBuffer(string: "+OK\r\n?"), into: &values) }
        #expect(values == [.status("OK")])
        #expect(throws: RESPError.dead) { try decoder.decode(ByteBuffer(string: "+OK\r\n"), into: &values) }
        #expect(values == [.status("OK")])
    }

    @Test func `Mutated and random bytes never trap`() throws {
        let seed = UInt64.random(in: .min ... .max)
        var random = SplitMix64(state: seed)
        let valid = Array(Self.conversation.utf8)
        let alphabet = Array("+-:$*_#,%~>(=0123456789\r\n".utf8)
        var refused = 0
        for round in 0..<20_000 {
            var bytes: [UInt8]
            if round.isMultiple(of: 2) {
                bytes = valid
                for _ in 0..<Int.random(in: 1...4, using: &random) {
                    bytes[Int.random(in: bytes.indices, using: &random)] = alphabet.randomElement(using: &random)!
                }
            } else {
                bytes = (0..<Int.random(in: 1...64, using: &random)).map { _ in
                    Bool.random(using: &random)
                        ? alphabet.randomElement(using: &random)! : .random(in: .min ... .max, using: &random)
                }
            }
            let decoder = RESPDecoder()
            var values: [RESPValue] = []
            do {
                let cut = Int.random(in: 0...bytes.count, using: &random)
                try decoder.decode(ByteBuffer(bytes: bytes[..<cut]), into: &values)
                try decoder.decode(ByteBuffer(bytes: bytes[cut...]), into: &values)
            } catch {
                refused += 1
            }
        }
        #expect(refused > 1000, "seed \(seed)")
    }

    @Test func `Commands are binary safe`() throws {
        var command = RESPCommand("PUBLISH", "")
        command.append(ByteBuffer(bytes: [0, 13, 10, 255]))
        var bytes = ByteBuffer()
        command.write(into: &bytes)
        #expect(
            Array(bytes.readableBytesView) == Array("*3\r\n$7\r\nPUBLISH\r\n$0\r\n\r\n$4\r\n".utf8) + [0, 13, 10, 255, 13, 10]
        )
        var empty = ByteBuffer()
        RESPCommand("").write(into: &empty)
        #expect(String(buffer: empty) == "*1\r\n$0\r\n\r\n")
    }
}
