import NIOCore
import Testing
import VolaryProtocol

/// Envelopes of the next format, with what this one does not know.
@Suite
struct EnvelopeGrowthTests {
    private static let nextFormat: UInt8 = 3

    /// An envelope that a node of the next format writes for nodes of this one.
    private func next(_ golden: EnvelopeGolden) -> EnvelopeBytes {
        var envelope = EnvelopeBytes(golden)
        envelope.format = Self.nextFormat
        return envelope
    }

    @Test(arguments: EnvelopeGolden.all, [[], [0x2A], Array(repeating: 0xFF, count: 1000)] as [[UInt8]])
    func `A field that may be skipped changes nothing`(golden: EnvelopeGolden, value: [UInt8]) throws {
        var envelope = self.next(golden)
        for tag: UInt8 in [0x80, 0x93, 0xFF] { envelope.add(tag, value) }
        #expect(try Envelope(decoding: ByteBuffer(bytes: envelope.bytes)) == golden.envelope)
    }

    @Test(arguments: EnvelopeGolden.all, [12, 0x7F] as [UInt8])
    func `A field that may not be skipped makes the envelope unreadable`(golden: EnvelopeGolden, tag: UInt8) {
        var envelope = self.next(golden)
        envelope.add(tag, [1, 2, 3])
        #expect(envelope.error == .unknownField(tag: tag))
    }

    @Test func `A message of an unknown type is unreadable`() {
        for type: UInt8 in [0, 9, 11, 15] {
            var envelope = self.next(EnvelopeGolden.all[0])
            envelope.type = type | 0x30
            #expect(envelope.error == .unknownType(type))
        }
    }

    @Test(arguments: EnvelopeGolden.all)
    func `An envelope says which formats can read it`(golden: EnvelopeGolden) {
        func error(format: UInt8, lowest: UInt8) -> EnvelopeError? {
            var envelope = EnvelopeBytes(golden)
            (envelope.format, envelope.lowestFormat) = (format, lowest)
            return envelope.error
        }
        #expect(error(format: 2, lowest: 2) == nil)
        #expect(error(format: 3, lowest: 2) == nil)
        #expect(error(format: .max, lowest: 2) == nil)
        #expect(error(format: 3, lowest: 3) == .unsupportedFormat(3))
        #expect(error(format: 9, lowest: 4) == .unsupportedFormat(9))
        // The former format had no such range.
        #expect(error(format: 1, lowest: 2) == .unsupportedFormat(1))
        #expect(error(format: 1, lowest: 1) == .unsupportedFormat(1))
        #expect(error(format: 2, lowest: 1) == .unsupportedFormat(2))
        #expect(error(format: 2, lowest: 3) == .unsupportedFormat(2))
        #expect(error(format: 0, lowest: 0) == .unsupportedFormat(0))
    }

    @Test(
        arguments: [
            (1, true), (2, false), (3, true), (4, true), (5, true), (6, true), (7, true), (11, true), (12, false), (15, false),
        ] as [(UInt8, Bool)]
    )
    func `The head says whether an envelope that cannot be read was meant for clients`(type: UInt8, concerns: Bool) {
        for format: UInt8 in [1, 2, 3, 200] {
            for attempt: UInt8 in [0x00, 0x50, 0xF0] {
                let bytes = ByteBuffer(bytes: [0x56, format, type | attempt, 99, 1, 2, 3])
                #expect(EnvelopeBytes.error(of: Array(buffer: bytes)) != nil)
                #expect(Envelope.mayConcernClients(bytes) == concerns)
            }
        }
        #expect(!Envelope.mayConcernClients(ByteBuffer(bytes: [0x57, 3, type, 2])))
    }
}
