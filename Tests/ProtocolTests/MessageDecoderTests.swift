import NIOCore
import TestSupport
import Testing
import VolaryProtocol

/// Message decoder: what a client sends becomes messages.
@Suite
struct MessageDecoderTests {
    @Test func `A text frame gives a text`() {
        // The masked "Hello" of RFC 6455 section 5.7, as bytes.
        let input: [UInt8] = [0x81, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58]
        expect(input, gives: [.text("Hello")])
    }

    @Test func `A binary frame gives its bytes`() {
        expect(ClientFrame.binary([0, 255, 128]), gives: [.binary([0, 255, 128])])
    }

    @Test func `Empty messages are messages`() {
        expect(ClientFrame.text("") + ClientFrame.binary([]), gives: [.text(""), .binary([])])
    }

    @Test func `Several frames in one read give several events, in order`() {
        let input = ClientFrame.text("one") + ClientFrame.ping([7]) + ClientFrame.binary([2]) + ClientFrame.text("three")
        expect(input, gives: [.text("one"), .ping([7]), .binary([2]), .text("three")])
    }

    @Test func `Fragments are joined`() {
        let input =
            ClientFrame.text("Hel", isFinal: false) + ClientFrame.continuation([], isFinal: false)
            + ClientFrame.continuation(Array("lo".utf8)) + ClientFrame.binary([1], isFinal: false)
            + ClientFrame.continuation([2])
        expect(input, gives: [.text("Hello"), .binary([1, 2])])
    }

    @Test func `Control frames may stand between fragments`() {
        let input =
            ClientFrame.text("Hel", isFinal: false) + ClientFrame.ping([1, 2, 3]) + ClientFrame.continuation([], isFinal: false)
            + ClientFrame.pong([]) + ClientFrame.continuation(Array("lo".utf8))
        expect(input, gives: [.ping([1, 2, 3]), .pong([]), .text("Hello")])
    }

    @Test func `A close frame may stand between fragments, and ends all`() {
        let input = ClientFrame.text("Hel", isFinal: false) + ClientFrame.close() + ClientFrame.continuation([0x6C])
        expect(input, gives: [.close(nil, "")])
    }

    @Test func `A character may be cut by fragments, with a ping inside`() {
        let euro: [UInt8] = [0xE2, 0x82, 0xAC]
        let input =
            ClientFrame.text([euro[0]], isFinal: false) + ClientFrame.ping([0xFF])
            + ClientFrame.continuation([euro[1]], isFinal: false)
            + ClientFrame.continuation([euro[2]])
        expect(input, gives: [.ping([0xFF]), .text(euro)])
    }

    @Test(arguments: [0, 1, 7, 8, 9, 15, 16, 17, 31, 124, 125, 126, 127, 300])
    func `Unmasking is right for every length, split and alignment`(length: Int) {
        let payload = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ 11) }
        let frame = ClientFrame(opcode: 2, payload: payload, key: [0x01, 0x80, 0xFE, 0x5A]).bytes
        expect(frame, gives: [.binary(payload)])
        // In parts of 1 to 19 bytes: the key is taken up in the middle, at every offset and alignment.
        for size in 1...19 {
            let parts = stride(from: 0, to: frame.count, by: size).map { Array(frame[$0..<min($0 + size, frame.count)]) }
            expect(frame, gives: [.binary(payload)], splits: [parts])
        }
    }

    @Test(arguments: [65_535, 65_536, 65_537])
    func `Long frames arrive whole, in halves, and in reads of a network's size`(length: Int) {
        var random = SplitMix64()
        let payload = random.bytes(length)
        let frame = ClientFrame(opcode: 2, payload: payload).bytes
        var splits = (0...20).map { [Array(frame[..<$0]), Array(frame[$0...])] }
        for size in [1448, 4096, frame.count] {
            splits.append(stride(from: 0, to: frame.count, by: size).map { Array(frame[$0..<min($0 + size, frame.count)]) })
        }
        expect(frame, gives: [.binary(payload)], splits: splits)
    }

    // MARK: - Close

    @Test func `A close frame without payload has no code`() {
        expect(ClientFrame.close(), gives: [.close(nil, "")])
    }

    @Test func `A close frame gives code and reason`() {
        expect(ClientFrame.close([0x03, 0xE8] + Array("bye é".utf8)), gives: [.close(1000, "bye é")])
        let longest = String(repeating: "r", count: 123)
        expect(ClientFrame.close([0x0F, 0xA0] + Array(longest.utf8)), gives: [.close(4000, longest)])
    }

    @Test func `Nothing is consumed after a close frame`() {
        // The helper also tries a ping behind it.
        expect(ClientFrame.close([0x03, 0xE9]) + ClientFrame.text("late"), gives: [.close(1001, "")])
    }

    @Test func `Every code that may not be sent is refused, every other taken`() {
        for code in UInt16.min ... .max {
            let allowed = [1000...1003, 1007...1014, 3000...4999].contains { $0.contains(Int(code)) }
            let transcript = Transcript([ClientFrame.close([UInt8(code >> 8), UInt8(code & 0xFF)])])
            if allowed {
                #expect(transcript.events == [.close(code, "")])
            } else if transcript.violation != .closeCodeNotAllowed || !transcript.events.isEmpty {
                Issue.record("\(code) gave \(transcript)")
            }
        }
    }
}
