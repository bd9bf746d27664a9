import NIOCore
import TestSupport
import Testing
import VolaryProtocol

/// Message decoder: what RFC 6455 forbids a client is refused.
@Suite
struct MessageDecoderRefusalTests {
    /// Stands before what is refused: the events before it must not be lost.
    private let hello = ClientFrame.text("hello")

    // MARK: - Frames

    @Test(arguments: 1...7 as ClosedRange<UInt8>)
    func `Reserved bits are refused`(bits: UInt8) {
        let frame = ClientFrame(reserved: bits, opcode: 1).bytes
        expect(self.hello + frame, gives: [.text("hello")], violation: .reservedBits)
        #expect(bytesUntilViolation(frame) == 1)
    }

    @Test(arguments: [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] as [UInt8])
    func `Reserved opcodes are refused`(opcode: UInt8) {
        expect(self.hello + ClientFrame(opcode: opcode).bytes, gives: [.text("hello")], violation: .reservedOpcode)
        #expect(bytesUntilViolation(ClientFrame(opcode: opcode).bytes) == 1)
    }

    @Test(arguments: [0, 1, 2, 8, 9, 10] as [UInt8])
    func `A frame that is not masked is refused`(opcode: UInt8) {
        let frame = ClientFrame(opcode: opcode, payload: [], key: nil).bytes
        expect(self.hello + frame, gives: [.text("hello")], violation: .notMasked)
        #expect(bytesUntilViolation(frame) == 2)
    }

    @Test(arguments: [0, 1, 125])
    func `Sixteen bits for a length that fits seven are refused`(length: Int) {
        let frame = ClientFrame(opcode: 2, payload: Array(repeating: 0, count: length), lengthForm: .sixteenBits).bytes
        expect(frame, violation: .lengthNotMinimal)
        #expect(bytesUntilViolation(frame) == 4)
    }

    @Test(arguments: [0, 125, 126, 65_535])
    func `Sixty-four bits for a length that fits fewer are refused`(length: UInt64) {
        let frame = ClientFrame(opcode: 2, lengthForm: .sixtyFourBits, claimedLength: length).bytes
        expect(frame, violation: .lengthNotMinimal)
        #expect(bytesUntilViolation(frame) == 10)
    }

    @Test(arguments: [1 << 63, 1 << 63 | 5, .max] as [UInt64])
    func `A length with its highest bit set is refused`(length: UInt64) {
        expect(ClientFrame(opcode: 2, claimedLength: length).bytes, violation: .lengthOutOfRange)
    }

    // MARK: - Control frames and fragments

    @Test(arguments: [8, 9, 10] as [UInt8])
    func `A fragmented control frame is refused`(opcode: UInt8) {
        let frame = ClientFrame(isFinal: false, opcode: opcode).bytes
        expect(self.hello + frame, gives: [.text("hello")], violation: .controlFrameFragmented)
        #expect(bytesUntilViolation(frame) == 1)
    }

    @Test(arguments: [8, 9, 10] as [UInt8])
    func `A control frame takes 125 bytes and no more`(opcode: UInt8) {
        let longest = [0x03, 0xE8] + Array(repeating: 0x61 as UInt8, count: 123)
        #expect(Transcript([ClientFrame(opcode: opcode, payload: longest).bytes]).events.count == 1)
        expect(ClientFrame(opcode: opcode, payload: longest + [0x61]).bytes, violation: .controlFrameTooLong)
        let huge = ClientFrame(opcode: opcode, claimedLength: 70_000).bytes
        expect(huge, violation: .controlFrameTooLong)
        #expect(bytesUntilViolation(huge) == 2)
    }

    @Test func `A continuation of nothing is refused`() {
        expect(ClientFrame.continuation([1]), violation: .nothingToContinue)
        expect(self.hello + ClientFrame.continuation([], isFinal: false), gives: [.text("hello")], violation: .nothingToContinue)
        let joined = ClientFrame.binary([1], isFinal: false) + ClientFrame.continuation([2])
        expect(joined + ClientFrame.continuation([3]), gives: [.binary([1, 2])], violation: .nothingToContinue)
    }

    @Test(arguments: [1, 2] as [UInt8], [false, true])
    func `A new message inside a fragmented one is refused`(opcode: UInt8, isFinal: Bool) {
        let second = ClientFrame(isFinal: isFinal, opcode: opcode, payload: [0x61]).bytes
        expect(ClientFrame.binary([], isFinal: false) + second, violation: .messageNotFinished)
        expect(
            ClientFrame.text("a", isFinal: false) + ClientFrame.ping() + second,
            gives: [.ping([])],
            violation: .messageNotFinished
        )
    }

    // MARK: - Limits

    @Test func `The limit is inclusive`() {
        let limits = MessageLimits(maximumMessageBytes: 10)
        let ten = Array(repeating: 1 as UInt8, count: 10)
        expect(ClientFrame.binary(ten) + ClientFrame.binary(ten), limits: limits, gives: [.binary(ten), .binary(ten)])
        expect(ClientFrame.binary(ten + [1]), limits: limits, violation: .messageTooBig)
    }

    @Test func `The limit does not bind control frames`() {
        let limits = MessageLimits(maximumMessageBytes: 1)
        expect(ClientFrame.ping([1, 2, 3]), limits: limits, gives: [.ping([1, 2, 3])])
    }

    @Test(arguments: [11, 126, 65_536, 1 << 40, UInt64(Int64.max)])
    func `A claim above the limit is refused at the header`(claim: UInt64) {
        let header = ClientFrame(opcode: 2, claimedLength: claim).bytes
        let limits = MessageLimits(maximumMessageBytes: 10)
        expect(header, limits: limits, violation: .messageTooBig)
        #expect(bytesUntilViolation(header, limits: limits) == header.count)
    }

    @Test func `The default limit is 1 MiB`() {
        #expect(MessageLimits().maximumMessageBytes == 1_048_576)
        #expect(Transcript([ClientFrame(opcode: 2, claimedLength: 1_048_576).bytes]).violation == nil)
        #expect(Transcript([ClientFrame(opcode: 2, claimedLength: 1_048_577).bytes]).violation == .messageTooBig)
    }

    @Test func `Fragments together may reach the limit, not pass it`() {
        let limits = MessageLimits(maximumMessageBytes: 10)
        let six: [UInt8] = [1, 2, 3, 4, 5, 6]
        let begun = ClientFrame.binary(six, isFinal: false) + ClientFrame.ping(six)
        let whole = begun + ClientFrame.continuation([7, 8, 9, 10])
        expect(whole, limits: limits, gives: [.ping(six), .binary(six + [7, 8, 9, 10])])
        let header = ClientFrame(opcode: 0, claimedLength: 5).bytes
        expect(begun + header, limits: limits, gives: [.ping(six)], violation: .messageTooBig)
        let huge = ClientFrame(opcode: 0, claimedLength: UInt64(Int64.max)).bytes
        expect(begun + huge, limits: limits, gives: [.ping(six)], violation: .messageTooBig)
    }

    @Test func `A message may have as many frames as allowed, not more`() {
        let limits = MessageLimits(maximumFramesPerMessage: 3)
        let two = ClientFrame.binary([1], isFinal: false) + ClientFrame.continuation([], isFinal: false) + ClientFrame.ping()
        let three = two + ClientFrame.continuation([2])
        // Twice: the count begins anew.
        expect(three + three, limits: limits, gives: [.ping([]), .binary([1, 2]), .ping([]), .binary([1, 2])])
        let four = two + ClientFrame.continuation([], isFinal: false) + ClientFrame.continuation([])
        expect(four, limits: limits, gives: [.ping([])], violation: .tooManyFrames)
        #expect(ProtocolViolation.tooManyFrames.closeCode == .policyViolation)
    }

    // MARK: - UTF-8

    @Test(
        arguments: [
            [0xC0, 0x80], [0xC1, 0xBF], [0xE0, 0x9F, 0xBF], [0xED, 0xA0, 0x80], [0xF0, 0x8F, 0xBF, 0xBF],
            [0xF4, 0x90, 0x80, 0x80],
            [0xF5, 0x80, 0x80, 0x80], [0x80], [0xFF], [0xE2, 0x28, 0xA1],
        ] as [[UInt8]]
    )
    func `A text that is not UTF-8 is refused`(wrong: [UInt8]) {
        let text = Array("ok é ".utf8) + wrong + Array("later".utf8)
        expect(self.hello + ClientFrame.text(text), gives: [.text("hello")], violation: .textNotUTF8)
        let fragmented = ClientFrame.text(Array(text[..<6]), isFinal: false) + ClientFrame.continuation(Array(text[6...]))
        expect(fragmented, violation: .textNotUTF8)
        #expect(Transcript([ClientFrame.binary(text)]).events == [.binary(text)])
    }

    @Test func `A text that ends inside a character is refused`() {
        expect(ClientFrame.text([0x61, 0xE2, 0x82]), violation: .textNotUTF8)
        expect(ClientFrame.text([0x61, 0xE2, 0x82], isFinal: false) + ClientFrame.continuation([]), violation: .textNotUTF8)
    }

    @Test func `A text is refused by its first wrong byte, in the middle of a frame`() {
        let header = 8  // 2, length 2, key 4
        func refused(_ payload: [UInt8]) -> Int? {
            bytesUntilViolation(ClientFrame(opcode: 1, payload: payload, claimedLength: 1000).bytes).map { $0 - header }
        }
        #expect(refused([0x61, 0x62, 0xFF, 0x63]) == 3)
        #expect(refused([0x61, 0xC0, 0x80]) == 2)
        #expect(refused([0x61, 0xE0, 0x9F, 0xBF]) == 3)
        #expect(refused([0xF4, 0x90, 0x80, 0x80]) == 2)
        #expect(refused([0xF0, 0x9F, 0x98, 0x41]) == 4)
        #expect(refused([0xF0, 0x9F, 0x98, 0x80]) == nil)
    }

    // MARK: - Close frames

    @Test func `Half a close code is refused`() {
        expect(ClientFrame.close([0x03]), violation: .closeCodeTruncated)
    }

    @Test(arguments: [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535] as [UInt16])
    func `A close code that may not be sent is refused`(code: UInt16) {
        let payload = [UInt8(code >> 8), UInt8(code & 0xFF)]
        expect(self.hello + ClientFrame.close(payload), gives: [.text("hello")], violation: .closeCodeNotAllowed)
    }

    @Test func `A close reason that is not UTF-8 is refused`() {
        expect(ClientFrame.close([0x03, 0xE8, 0x61, 0xFF]), violation: .closeReasonNotUTF8)
        expect(ClientFrame.close([0x03, 0xE8, 0xE2, 0x82]), violation: .closeReasonNotUTF8)
        #expect(ProtocolViolation.closeReasonNotUTF8.closeCode == .invalidData)
    }

    // MARK: - What the client is told

    @Test func `Violations carry the codes of the RFC`() {
        let protocolErrors: [ProtocolViolation] = [
            .reservedBits, .reservedOpcode, .notMasked, .lengthNotMinimal, .lengthOutOfRange, .controlFrameFragmented,
            .controlFrameTooLong, .nothingToContinue, .messageNotFinished, .closeCodeTruncated, .closeCodeNotAllowed,
        ]
        #expect(protocolErrors.allSatisfy { $0.closeCode.rawValue == 1002 })
        #expect(ProtocolViolation.textNotUTF8.closeCode.rawValue == 1007)
        #expect(ProtocolViolation.messageTooBig.closeCode.rawValue == 1009)
        let all = protocolErrors + [.textNotUTF8, .closeReasonNotUTF8, .messageTooBig, .tooManyFrames]
        #expect(all.allSatisfy { (1...123).contains($0.reason.utf8.count) })
        #expect(Set(all.map(\.reason)).count == all.count)
    }
}
