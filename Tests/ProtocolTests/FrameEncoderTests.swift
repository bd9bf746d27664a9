import NIOCore
import Testing
import VolaryProtocol

/// Frame encoder: what the server sends.
@Suite
struct FrameEncoderTests {
    private func header(of length: Int, opcode: Opcode = .binary) -> [UInt8] {
        let payload = ByteBuffer(repeating: 0x2A, count: length)
        let frame = Array(buffer: FrameEncoder.encode(opcode: opcode, payload: payload))
        #expect(frame.suffix(length) == ArraySlice(repeating: 0x2A, count: length))
        return Array(frame.dropLast(length))
    }

    @Test func `The unmasked texts of RFC 6455 section 5 come out as printed there`() {
        let hello = FrameEncoder.encode(opcode: .text, payload: ByteBuffer(string: "Hello"))
        #expect(Array(buffer: hello) == [0x81, 0x05, 0x48, 0x65, 0x6C, 0x6C, 0x6F])
        let ping = FrameEncoder.encode(opcode: .ping, payload: ByteBuffer(string: "Hello"))
        #expect(Array(buffer: ping) == [0x89, 0x05, 0x48, 0x65, 0x6C, 0x6C, 0x6F])
    }

    @Test func `Lengths take their shortest form`() {
        #expect(self.header(of: 0) == [0x82, 0])
        #expect(self.header(of: 1) == [0x82, 1])
        #expect(self.header(of: 125) == [0x82, 125])
        #expect(self.header(of: 126) == [0x82, 126, 0x00, 0x7E])
        #expect(self.header(of: 127) == [0x82, 126, 0x00, 0x7F])
        #expect(self.header(of: 65_535) == [0x82, 126, 0xFF, 0xFF])
        #expect(self.header(of: 65_536) == [0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0])
        #expect(self.header(of: 16_777_216) == [0x82, 127, 0, 0, 0, 0, 1, 0, 0, 0])
    }

    @Test(
        arguments: [(113, [126, 0, 126]), (112, [125]), (65_523, [127, 0, 0, 0, 0, 0, 1, 0, 0]), (0, [13])] as [(Int, [UInt8])]
    )
    func `A tail is part of the payload, and is spaces until it is written`(length: Int, header: [UInt8]) {
        var frame = ByteBuffer()
        FrameEncoder.append(opcode: .text, payload: ByteBuffer(repeating: 0x2A, count: length), tailBytes: 13, to: &frame)
        #expect(
            Array(buffer: frame) == [0x81] + header + Array(repeating: 0x2A, count: length) + Array(repeating: 0x20, count: 13)
        )
    }

    @Test func `Every opcode is written as the RFC numbers it, with FIN and nothing else`() {
        let numbers: [Opcode: UInt8] = [.continuation: 0x80, .text: 0x81, .binary: 0x82, .close: 0x88, .ping: 0x89, .pong: 0x8A]
        #expect(Opcode.allCases.count == 6)
        for opcode in Opcode.allCases { #expect(self.header(of: 3, opcode: opcode) == [numbers[opcode]!, 3]) }
        #expect(Opcode.allCases.filter { $0.isControl } == [.close, .ping, .pong])
    }

    @Test func `A frame is one allocation of its size`() {
        #expect(FrameEncoder.encode(opcode: .text, payload: ByteBuffer(repeating: 1, count: 62)).storageCapacity == 64)
        #expect(FrameEncoder.encode(opcode: .text, payload: ByteBuffer(repeating: 1, count: 125)).storageCapacity == 128)
        #expect(FrameEncoder.encode(opcode: .text, payload: ByteBuffer(repeating: 1, count: 252)).storageCapacity == 256)
        #expect(FrameEncoder.encode(opcode: .text, payload: ByteBuffer(repeating: 1, count: 131_062)).storageCapacity == 131_072)
    }

    @Test func `Frames are appended behind each other, and the payload is left as it was`() {
        let payload = ByteBuffer(string: "ab")
        var bytes = ByteBuffer(bytes: [0xEE])
        FrameEncoder.append(opcode: .text, payload: payload, to: &bytes)
        FrameEncoder.append(opcode: .pong, payload: ByteBuffer(), to: &bytes)
        #expect(Array(buffer: bytes) == [0xEE, 0x81, 2, 0x61, 0x62, 0x8A, 0])
        #expect(payload == ByteBuffer(string: "ab"))
    }

    // MARK: - Close

    @Test func `A close frame carries code and reason, or nothing`() {
        #expect(Array(buffer: FrameEncoder.close(code: .serviceRestart, reason: "é")) == [0x88, 4, 0x03, 0xF4, 0xC3, 0xA9])
        #expect(Array(buffer: FrameEncoder.close(code: .normal)) == [0x88, 2, 0x03, 0xE8])
        #expect(Array(buffer: FrameEncoder.close(code: nil, reason: "left out")) == [0x88, 0])
    }

    @Test(arguments: ["x", "é", "€", "😀"])
    func `A long reason is cut to 123 bytes between two characters`(character: String) {
        let size = character.utf8.count
        for lead in 0..<8 {
            let reason = String(repeating: "-", count: lead) + String(repeating: character, count: 130)
            let frame = Array(buffer: FrameEncoder.close(code: .normal, reason: reason))
            let kept = lead + (123 - lead) / size * size
            #expect(Array(frame.prefix(2)) == [0x88, UInt8(kept + 2)])
            #expect(Array(frame.dropFirst(4)) == Array(reason.utf8.prefix(kept)))
            #expect(String(validating: frame.dropFirst(4), as: UTF8.self) != nil)
        }
    }

    @Test func `A reason of exactly 123 bytes is not cut`() {
        for reason in [String(repeating: "r", count: 123), String(repeating: "€", count: 41)] {
            #expect(Array(buffer: FrameEncoder.close(code: .normal, reason: reason)).dropFirst(4) == Array(reason.utf8)[...])
        }
    }
}
