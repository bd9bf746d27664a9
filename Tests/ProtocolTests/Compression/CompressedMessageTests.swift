import NIOCore
import TestSupport
import Testing
import VolaryProtocol

/// Message decoder: compressed messages (RFC 7692).
@Suite
struct CompressedMessageTests {
    private static let agreement = DeflateData.agreement

    private func message(_ data: [UInt8], opcode: UInt8 = 1, isFinal: Bool = true) -> [UInt8] {
        ClientFrame(isFinal: isFinal, reserved: 4, opcode: opcode, payload: data).bytes
    }

    private func expectRefused(
        _ input: [UInt8],
        _ violation: ProtocolViolation,
        limits: MessageLimits = MessageLimits(),
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        expect(input, limits: limits, compression: Self.agreement, violation: violation, sourceLocation: sourceLocation)
    }

    // MARK: - Sound messages, in every split

    /// The examples of section 7.2.3, and what deflaters write for nothing at all.
    private static let examples: [(String, [UInt8], String)] = [
        ("fixed codes", [0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00], "Hello"),
        ("stored", [0x00, 0x05, 0x00, 0xFA, 0xFF, 0x48, 0x65, 0x6C, 0x6C, 0x6F, 0x00], "Hello"),
        ("a last block, and the first byte of another", [0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00, 0x00], "Hello"),
        ("a last block alone", [0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00], "Hello"),
        ("two blocks", [0xF2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xCA, 0xC9, 0xC9, 0x07, 0x00], "Hello"),
        ("an empty block", [0x00], ""),
        ("an empty block of fixed codes", [0x02, 0x00], ""),
        ("no data", [], ""),
    ]

    @Test(arguments: Self.examples)
    func `Every form of a message is inflated`(name: String, data: [UInt8], text: String) {
        expect(self.message(data), compression: Self.agreement, gives: [.text(text)])
        // And leaves nothing behind that the next one would see.
        let next = self.message(Self.examples[0].1) + ClientFrame.text("plain") + self.message(Self.examples[1].1, opcode: 2)
        expect(
            self.message(data) + next,
            compression: Self.agreement,
            gives: [.text(text), .text("Hello"), .text("plain"), .binary(Array("Hello".utf8))]
        )
    }

    @Test func `Data may be cut into fragments anywhere, with control frames between them`() {
        let data = DeflateData.stored(Array("Grüße, 世界 😀".utf8), blockBytes: 7)
        for first in 0...data.count {
            let input =
                self.message(Array(data[..<first]), isFinal: false) + ClientFrame.ping([1])
                + ClientFrame.continuation([], isFinal: false) + ClientFrame.continuation(Array(data[first...]))
            let parts = [[input], input.map { [$0] }]
            let gives: [Seen] = [.ping([1]), .text("Grüße, 世界 😀")]
            expect(input, compression: Self.agreement, gives: gives, splits: parts)
        }
    }

    @Test func `What the deflater makes is what went in`() throws {
        let deflater = Deflater()
        var random = SplitMix64()
        for length in [128, 129, 255, 1000, 4096, 65_535, 65_536, Deflater.maximumBytes] {
            let words = (0..<length).map { _ in "abcdefgh ".utf8.randomElement(using: &random)! }
            let payload = Array(words.prefix(length))
            let data = Array(buffer: try #require(deflater.compress(ByteBuffer(bytes: payload))))
            #expect(data.count < length * 2 / 3)
            let transcript = Transcript([self.message(data, opcode: 2)], compression: Self.agreement)
            #expect(transcript.events == [.binary(payload)])
        }
    }

    @Test func `What would not become shorter is left alone`() {
        let deflater = Deflater()
        var random = SplitMix64()
        #expect(deflater.compress(ByteBuffer(repeating: 0x61, count: 127)) == nil)
        #expect(deflater.compress(ByteBuffer()) == nil)
        for length in [128, 129, 1000, 65_536] { #expect(deflater.compress(ByteBuffer(bytes: random.bytes(length))) == nil) }
        // And a try that ended early has left nothing.
        #expect(
            deflater.compress(ByteBuffer(repeating: 0x61, count: 128))
                == Deflater().compress(ByteBuffer(repeating: 0x61, count: 128))
        )
    }

    // MARK: - The bit (section 6)

    @Test func `The bit stands on the first frame of a data message only`() {
        for opcode: UInt8 in [8, 9, 10] {
            self.expectRefused(ClientFrame(reserved: 4, opcode: opcode).bytes, .reservedBits)
        }
        let begun = self.message([0xF2, 0x48], isFinal: false)
        self.expectRefused(begun + ClientFrame(reserved: 4, opcode: 0, payload: [0xCD]).bytes, .reservedBits)
        self.expectRefused(ClientFrame.text("a", isFinal: false) + ClientFrame(reserved: 4, opcode: 0).bytes, .reservedBits)
        for reserved: UInt8 in [1, 2, 3, 5, 6, 7] {
            self.expectRefused(ClientFrame(reserved: reserved, opcode: 1).bytes, .reservedBits)
        }
    }

    @Test func `Without an agreement the bit is refused by the first byte`() {
        expect(self.message(Self.examples[0].1), violation: .reservedBits)
        #expect(bytesUntilViolation(self.message(Self.examples[0].1)) == 1)
    }

    // MARK: - Broken data

    private static let broken: [(String, [UInt8])] = [
        ("a block of the reserved kind", [0x06]), ("a stored block that contradicts its length", [0x00, 0x05, 0x00, 0xFA, 0xFE]),
        ("a reference to before the beginning", [0x02, 0x12, 0x00, 0x00]), ("torn in a block", [0xF2, 0x48, 0xCD]),
        ("torn in a length", [0x00, 0x05]), ("a stored block with bytes missing", [0x00, 0x06, 0x00, 0xF9, 0xFF, 0x48]),
        ("the tail not taken off", [0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00, 0x00, 0x00, 0xFF, 0xFF]),
        ("text that is not compressed", Array("Hello, world".utf8)),
    ]

    @Test(arguments: Self.broken)
    func `Data that is not deflate is refused with 1007`(name: String, data: [UInt8]) {
        self.expectRefused(self.message(data, opcode: 2), .notDeflated)
        #expect(ProtocolViolation.notDeflated.closeCode == .invalidData)
    }

    @Test func `A window is not taken over from the message before`() {
        // Fixed codes: three bytes again, from five back.
        let again: [UInt8] = [0x02, 0x12, 0x00, 0x00]
        let hello = DeflateData.stored(Array("Hello".utf8)).dropLast()
        expect(self.message(hello + again), compression: Self.agreement, gives: [.text("HelloHel")])
        let transcript = Transcript([self.message(hello + [0]) + self.message(again)], compression: Self.agreement)
        #expect(transcript.events == [.text("Hello")])
        #expect(transcript.violation == .notDeflated)
    }

    // MARK: - UTF-8 (RFC 6455 section 8.1)

    @Test func `Inflated text is validated, and wrong text refused before the message is whole`() {
        self.expectRefused(self.message(DeflateData.stored([0x61, 0xFF])), .textNotUTF8)
        self.expectRefused(self.message(DeflateData.stored(Array("€".utf8.dropLast()))), .textNotUTF8)
        let data = DeflateData.stored([0x61, 0xC0, 0x61, 0x61])
        let input = self.message(data, isFinal: false)
        #expect(bytesUntilViolation(input, compression: Self.agreement) == input.count - 3)
        expect(
            self.message(DeflateData.stored([0x61, 0xFF]), opcode: 2),
            compression: Self.agreement,
            gives: [.binary([0x61, 0xFF])]
        )
    }

    @Test func `A character may be torn between blocks and fragments`() {
        let data = DeflateData.stored(Array("😀€é".utf8), blockBytes: 1)
        let frames =
            self.message([data[0]], isFinal: false)
            + data[1...].flatMap { ClientFrame.continuation([$0], isFinal: false) } + ClientFrame.continuation([])
        expect(frames, compression: Self.agreement, gives: [.text("😀€é")], splits: [[frames], frames.map { [$0] }])
    }
}
