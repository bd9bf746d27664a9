import NIOCore
import TestSupport
import Testing
import VolaryProtocol

/// Envelope: the bytes between nodes.
@Suite
struct EnvelopeTests {
    private typealias Golden = EnvelopeGolden

    @Test(arguments: EnvelopeGolden.all)
    func `Every message has the bytes it always had, and reads back`(golden: EnvelopeGolden) throws {
        #expect(Array(buffer: golden.envelope.encoded()) == golden.bytes)
        #expect(try Envelope(decoding: ByteBuffer(bytes: golden.bytes)) == golden.envelope)
    }

    @Test func `An envelope is read where it lies in a larger buffer`() throws {
        let golden = Golden.all[0]
        var buffer = ByteBuffer(bytes: [0, 0, 0] + golden.bytes)
        buffer.moveReaderIndex(forwardBy: 3)
        #expect(try Envelope(decoding: buffer) == golden.envelope)
    }

    @Test func `Random publications read back`() throws {
        print("EnvelopeTests: VOLARY_TEST_SEED=\(SplitMix64.seed)")
        var random = SplitMix64()
        let hubs: [HubName] = [.default, HubName("Chat")!, HubName(String(repeating: "h", count: HubName.maximumBytes))!]
        for _ in 0..<5000 {
            let dataType = Publication.DataType.allCases.randomElement(using: &random)!
            let payload = random.bytes(.random(in: 0...100, using: &random)).map { dataType == .binary ? $0 : $0 & 0x7F }
            let envelope = Envelope(
                origin: NodeID(rawValue: UInt32(truncatingIfNeeded: random.next())),
                sequence: random.next(),
                message: .publication(
                    Publication(
                        id: .random(on: Golden.origin),
                        kind: Publication.Kind.allCases.randomElement(using: &random)!,
                        sender: random.chance(50) ? .random(on: Golden.origin) : nil,
                        hub: hubs.randomElement(using: &random)!,
                        audience: Golden.audiences.randomElement(using: &random)!,
                        dataType: dataType,
                        timestamp: Int64(bitPattern: random.next()),
                        confirmation: [.none, .routed, .written(milliseconds: .random(in: 0...9999, using: &random))]
                            .randomElement(using: &random)!,
                        payload: ByteBuffer(bytes: payload)
                    )
                )
            )
            let decoded = try Envelope(decoding: envelope.encoded())
            if decoded != envelope { Issue.record("seed \(SplitMix64.seed): \(envelope) became \(decoded)") }
        }
    }

    @Test func `A publication of a client in the default hub takes 62 bytes besides its payload`() {
        let publication = Publication(
            id: Golden.id,
            kind: .message,
            sender: Golden.connection,
            hub: .default,
            timestamp: 0,
            payload: ByteBuffer(string: "Hello!")
        )
        let bytes = Envelope(origin: Golden.origin, sequence: 1, message: .publication(publication)).encoded()
        #expect(bytes.readableBytes == 62 + 6)
    }

    @Test func `As many receipts as allowed travel in one envelope`() throws {
        let receipts = (0..<Limits.maximumReceiptsPerEnvelope).map {
            Receipt(id: .random(on: Golden.origin), connections: UInt32($0))
        }
        let envelope = Envelope(origin: Golden.origin, sequence: 9, message: .receipts(receipts))
        #expect(try Envelope(decoding: envelope.encoded()) == envelope)
    }

    @Test func `The largest payload fits the largest envelope`() throws {
        #expect(Limits.envelopeHeaderBytes == 16)
        let payload = ByteBuffer(repeating: 0x61, count: Limits.maximumPayloadBytes)
        let publication = Publication(
            id: Golden.id,
            kind: .message,
            sender: Golden.connection,
            hub: HubName(String(repeating: "h", count: HubName.maximumBytes))!,
            audience: .group(AudienceName(String(repeating: "日", count: AudienceName.maximumUnits))!),
            timestamp: 0,
            confirmation: .written(milliseconds: .max),
            payload: payload
        )
        let encoded = Envelope(origin: Golden.origin, sequence: 1, message: .publication(publication)).encoded()
        #expect(encoded.readableBytes <= Limits.maximumEnvelopeBytes - 512)
        #expect(try Envelope(decoding: encoded).message == .publication(publication))
    }

    @Test func `An attempt is counted in the bytes, modulo 16, and changes nothing else`() throws {
        for golden in Golden.all {
            var bytes = ByteBuffer(bytes: [0] + golden.bytes)
            bytes.moveReaderIndex(forwardBy: 1)
            for attempt: UInt8 in (1...17).map({ $0 % 16 }) {
                Envelope.countAttempt(in: &bytes)
                let envelope = try Envelope(decoding: bytes)
                let original = golden.envelope
                let expected = Envelope(
                    origin: original.origin,
                    sequence: original.sequence,
                    message: original.message,
                    attempt: attempt
                )
                #expect(envelope == expected)
                #expect(envelope.encoded() == bytes)
            }
        }
        var short = ByteBuffer(bytes: [0x56, 2])
        Envelope.countAttempt(in: &short)
        #expect(short == ByteBuffer(bytes: [0x56, 2]))
    }
}
