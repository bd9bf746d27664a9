import NIOCore
import Testing

@testable import VolaryProtocol

@Suite
struct MessagePackTests {
    private static func reads<Value: Equatable>(
        _ bytes: [UInt8],
        _ read: (inout MessagePackReader) throws(MessagePackReader.Fault) -> Value
    ) -> Value? {
        try? MessagePackReader.scan(ByteBuffer(bytes: bytes)) { reader throws(MessagePackReader.Fault) in
            let value = try read(&reader)
            guard reader.isAtEnd else { throw .malformed }
            return value
        }
    }

    private static func written(_ write: (inout ByteBuffer) -> Void) -> [UInt8] {
        var buffer = ByteBuffer()
        write(&buffer)
        return Array(buffer.readableBytesView)
    }

    @Test(
        arguments: [
            (0 as UInt64, [0x00]), (127, [0x7F]), (128, [0xCC, 0x80]), (255, [0xCC, 0xFF]), (256, [0xCD, 0x01, 0x00]),
            (65_535, [0xCD, 0xFF, 0xFF]), (65_536, [0xCE, 0x00, 0x01, 0x00, 0x00]),
            (4_294_967_295, [0xCE, 0xFF, 0xFF, 0xFF, 0xFF]),
            (4_294_967_296, [0xCF, 0, 0, 0, 1, 0, 0, 0, 0]), (.max, [0xCF] + [UInt8](repeating: 0xFF, count: 8)),
        ] as [(UInt64, [UInt8])]
    )
    func `Whole numbers have their shortest form`(number: UInt64, bytes: [UInt8]) {
        #expect(Self.written { $0.writeMessagePack(number) } == bytes)
        #expect(Self.reads(bytes) { reader throws(MessagePackReader.Fault) in try reader.integer() } == .unsigned(number))
    }

    @Test(
        arguments: [
            (-1 as Int64, [0xFF]), (-32, [0xE0]), (-33, [0xD0, 0xDF]), (-128, [0xD0, 0x80]), (-129, [0xD1, 0xFF, 0x7F]),
            (-32_768, [0xD1, 0x80, 0x00]), (-32_769, [0xD2, 0xFF, 0xFF, 0x7F, 0xFF]), (-2_147_483_648, [0xD2, 0x80, 0, 0, 0]),
            (-2_147_483_649, [0xD3, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF]), (.min, [0xD3, 0x80, 0, 0, 0, 0, 0, 0, 0]),
        ] as [(Int64, [UInt8])]
    )
    func `So have negative numbers`(number: Int64, bytes: [UInt8]) {
        #expect(Self.written { $0.writeMessagePack(number) } == bytes)
        #expect(Self.reads(bytes) { reader throws(MessagePackReader.Fault) in try reader.integer() } == .signed(number))
    }

    @Test(arguments: [0, 31, 32, 255, 256, 65_535, 65_536])
    func `Texts, bytes, lists and maps of any length are read as they are written`(count: Int) {
        let text = ByteBuffer(repeating: UInt8(ascii: "x"), count: count)
        let asText = Self.written { $0.writeMessagePack(text: text) }
        #expect(Self.reads(asText) { r throws(MessagePackReader.Fault) in try r.text() }?.utf8.count == count)
        let asBytes = Self.written { $0.writeMessagePack(binary: text) }
        #expect(Self.reads(asBytes) { r throws(MessagePackReader.Fault) in try r.binary().count } == count)
        let list = Self.written {
            $0.writeMessagePackList(count: count)
            for _ in 0..<count { $0.writeMessagePackNull() }
        }
        #expect(
            Self.reads(list) { r throws(MessagePackReader.Fault) in
                try r.skip()
                return true
            } == true
        )
        let map = Self.written {
            $0.writeMessagePackMap(count: count)
            for _ in 0..<2 * count { $0.writeMessagePack(true) }
        }
        #expect(
            Self.reads(map) { r throws(MessagePackReader.Fault) in
                try r.skip()
                return true
            } == true
        )
    }

    @Test(
        arguments: [
            [0xC1], [], [0xA1], [0xD9], [0xD9, 0x02, 0x61], [0xDB, 0xFF, 0xFF, 0xFF, 0xFF, 0x61], [0xC6, 0xFF, 0xFF, 0xFF, 0xFF],
            [0xDD, 0xFF, 0xFF, 0xFF, 0xFF, 0xC0], [0xDF, 0xFF, 0xFF, 0xFF, 0xFF, 0xC0], [0xDF, 0x00, 0x00, 0x00, 0x01, 0xC0],
            [0x92, 0xC0], [0x81, 0xC0], [0xC9, 0xFF, 0xFF, 0xFF, 0xFF, 0x01], [0xD8, 0x01], [0xCB, 0x00], [0xCF], [0x91, 0xC1],
        ] as [[UInt8]]
    )
    func `A length that is not true is refused, and no memory is taken for it`(bytes: [UInt8]) {
        #expect(
            Self.reads(bytes) { r throws(MessagePackReader.Fault) in
                try r.skip()
                return true
            } == nil
        )
        #expect((try? MessagePackJSON.json(of: ByteBuffer(bytes: bytes))) == nil)
    }

    @Test func `Nesting has a bound`() {
        let whole = [UInt8](repeating: 0x91, count: 64) + [0xC0]
        #expect(
            Self.reads(whole) { r throws(MessagePackReader.Fault) in
                try r.skip()
                return true
            } == true
        )
        for nested in [UInt8(0x91), 0x81] {
            let deep = [UInt8](repeating: nested, count: 100_000) + [0xC0]
            #expect(throws: MessagePackReader.Fault.self) { try MessagePackJSON.json(of: ByteBuffer(bytes: deep)) }
        }
        #expect(throws: MessagePackReader.Fault.tooDeep) {
            try MessagePackJSON.json(of: ByteBuffer(bytes: [UInt8](repeating: 0x91, count: 65) + [0xC0]))
        }
    }

    @Test(
        arguments: [
            ("null", [0xC0]), ("true", [0xC3]), ("false", [0xC2]), ("7", [0x07]), ("-7", [0xF9]),
            ("18446744073709551615", [0xCF] + ff8),
            ("1.0", [0xCB, 0x3F, 0xF0, 0, 0, 0, 0, 0, 0]), ("1.5", [0xCB, 0x3F, 0xF8, 0, 0, 0, 0, 0, 0]),
            (#""ab""#, [0xA2, 0x61, 0x62]),
            (#""\"\n""#, [0xA2, 0x22, 0x0A]), ("[]", [0x90]), ("[1,[2]]", [0x92, 0x01, 0x91, 0x02]), ("{}", [0x80]),
            (#"{"a":{"b":null}}"#, [0x81, 0xA1, 0x61, 0x81, 0xA1, 0x62, 0xC0]),
            ("[" + (0..<16).map { "\($0)" }.joined(separator: ",") + "]", [0xDC, 0x00, 0x10] + (0..<16).map { UInt8($0) }),
            (
                "[[" + (0..<16).map { "\($0)" }.joined(separator: ",") + "],7]",
                [0x92, 0xDC, 0x00, 0x10] + (0..<16).map { UInt8($0) } + [0x07]
            ),
        ] as [(String, [UInt8])]
    )
    func `A value is the same in JSON and in MessagePack`(json: String, bytes: [UInt8]) throws {
        #expect(try Array(MessagePackJSON.messagePack(of: ByteBuffer(string: json)).readableBytesView) == bytes)
        #expect(try String(buffer: MessagePackJSON.json(of: ByteBuffer(bytes: bytes))) == json)
    }

    private static let ff8 = [UInt8](repeating: 0xFF, count: 8)

    @Test(
        arguments: [
            ([0xC4, 0x02, 0x00, 0xFF], #""AP8=""#), ([0xCA, 0x3F, 0xC0, 0x00, 0x00], "1.5"),
            ([0xCB, 0x7F, 0xF0, 0, 0, 0, 0, 0, 0], "null"),
            ([0xCB, 0x7F, 0xF8, 0, 0, 0, 0, 0, 0], "null"), ([0x81, 0x01, 0x02], #"{"1":2}"#),
            ([0x81, 0xFF, 0xC0], #"{"-1":null}"#),
            ([0x81, 0xC3, 0x02], #"{"true":2}"#), ([0xD6, 0xFF, 0, 0, 0, 1], #""1970-01-01T00:00:01.000Z""#),
            ([0xD7, 0xFF, 0x77, 0x35, 0x94, 0x00, 0, 0, 0, 2], #""1970-01-01T00:00:02.500Z""#),
            ([0xC7, 0x0C, 0xFF, 0x1D, 0xCD, 0x65, 0x00, 0, 0, 0, 0, 0, 0, 0, 3], #""1970-01-01T00:00:03.500Z""#),
        ] as [([UInt8], String)]
    )
    func `What JSON has no form for becomes a text or null`(bytes: [UInt8], json: String) throws {
        #expect(try String(buffer: MessagePackJSON.json(of: ByteBuffer(bytes: bytes))) == json)
    }

    @Test(
        arguments: [
            [0xD4, 0x05, 0x00], [0xD6, 0xFE, 0, 0, 0, 1], [0xC7, 0x03, 0xFF, 0, 0, 0], [0xD7, 0xFF] + ff8,
            [0xC7, 0x0C, 0xFF, 0, 0, 0, 0, 0x7F] + ff8.dropLast(),
            [0x81, 0xC0, 0x01], [0x81, 0x90, 0x01], [0xA2, 0xFF, 0xFE], [0x81, 0xA1, 0xFF, 0x01], [0x01, 0x02],
        ] as [[UInt8]]
    )
    func `Other extensions, keys and texts are refused`(bytes: [UInt8]) {
        #expect(throws: MessagePackReader.Fault.malformed) { try MessagePackJSON.json(of: ByteBuffer(bytes: bytes)) }
    }
}
