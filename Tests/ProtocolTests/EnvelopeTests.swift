import NIOCore
import TestSupport
import Testing
import VolaryProtocol

/// Envelope: the bytes between nodes.
@Suite
struct EnvelopeTests {
    // MARK: - The bytes themselves

    /// An envelope and its bytes, written out by hand. Nodes of different builds meet in one cluster: what breaks these breaks
    /// them.
    struct Golden: CustomTestStringConvertible {
        let testDescription: String
        let envelope: Envelope
        let hex: String
        /// Bytes before a payload or reason that runs to the end and may have any length.
        let fixedBytes: Int

        var bytes: [UInt8] { EnvelopeTests.bytes(self.hex) }
    }

    static let origin = NodeID(rawValue: 0x0A0B_0C0D)
    static let id = PublicationID("00112233445566778899aabb0a0b0c0d")!
    static let connection = ConnectionID("ffeeddccbbaa99887766554401020304")!
    static let target = ConnectionID("0f1e2d3c4b5a69788796a5b4deadbeef")!

    static let audiences: [Audience] = [
        .all, .connection(target), .group(AudienceName("g")!), .user(AudienceName(String(repeating: "u", count: 1024))!),
        .group(AudienceName("/staff\u{301} \n{}")!), .user(AudienceName(String(repeating: "😀", count: 512))!),
    ]

    static let goldens: [Golden] = [
        Golden(
            testDescription: "a publication with all there is",
            envelope: Envelope(
                origin: origin,
                sequence: 0x0102_0304_0506_0708,
                message: .publication(
                    Publication(
                        id: id,
                        kind: .message,
                        sender: connection,
                        audience: .connection(target),
                        dataType: .text,
                        timestamp: 1_781_330_400_000,
                        confirmation: .routed,
                        payload: ByteBuffer(string: "Hi é")
                    )
                )
            ),
            hex: """
                56 01 01 0a0b0c0d 0102030405060708
                00112233445566778899aabb0a0b0c0d 02 01 07 0000019ebf90d300
                ffeeddccbbaa99887766554401020304 0f1e2d3c4b5a69788796a5b4deadbeef
                48 69 20 c3a9
                """,
            fixedBytes: 74
        ),
        Golden(
            testDescription: "a publication with the least there is",
            envelope: Envelope(
                origin: NodeID(rawValue: 0),
                sequence: .max,
                message: .publication(
                    Publication(id: id, kind: .serverBroadcast, dataType: .binary, timestamp: -1, payload: ByteBuffer())
                )
            ),
            hex: """
                56 01 01 00000000 ffffffffffffffff
                00112233445566778899aabb0a0b0c0d 03 02 00 ffffffffffffffff
                """,
            fixedBytes: 42
        ),
        Golden(
            testDescription: "a publication with a sender only",
            envelope: Envelope(
                origin: origin,
                sequence: 1,
                message: .publication(
                    Publication(
                        id: id,
                        kind: .system,
                        sender: connection,
                        dataType: .binary,
                        timestamp: 256,
                        payload: ByteBuffer(bytes: [0xFF, 0x00])
                    )
                )
            ),
            hex: """
                56 01 01 0a0b0c0d 0000000000000001
                00112233445566778899aabb0a0b0c0d 01 02 02 0000000000000100
                ffeeddccbbaa99887766554401020304 ff 00
                """,
            fixedBytes: 58
        ),
        Golden(
            testDescription: "a publication for a group, with a receipt once written",
            envelope: Envelope(
                origin: origin,
                sequence: 1,
                message: .publication(
                    Publication(
                        id: id,
                        kind: .serverBroadcast,
                        audience: .group(AudienceName("g-1")!),
                        dataType: .binary,
                        timestamp: 256,
                        confirmation: .written(milliseconds: 800),
                        payload: ByteBuffer(bytes: [0x01])
                    )
                )
            ),
            hex: """
                56 01 01 0a0b0c0d 0000000000000001
                00112233445566778899aabb0a0b0c0d 03 02 28 0000000000000100
                0003 672d31 00000320 01
                """,
            fixedBytes: 51
        ),
        Golden(
            testDescription: "a publication for a user",
            envelope: Envelope(
                origin: origin,
                sequence: 1,
                message: .publication(
                    Publication(
                        id: id,
                        kind: .serverBroadcast,
                        audience: .user(AudienceName("al@x")!),
                        dataType: .binary,
                        timestamp: 256,
                        payload: ByteBuffer()
                    )
                )
            ),
            hex: """
                56 01 01 0a0b0c0d 0000000000000001
                00112233445566778899aabb0a0b0c0d 03 02 10 0000000000000100
                0004 616c4078
                """,
            fixedBytes: 48
        ),
        Golden(
            testDescription: "a membership",
            envelope: Envelope(
                origin: origin,
                sequence: 2,
                message: .membership(MembershipRequest(id: id, connection: connection, group: AudienceName("g")!, joins: true))
            ),
            hex: """
                56 01 04 0a0b0c0d 0000000000000002
                00112233445566778899aabb0a0b0c0d ffeeddccbbaa99887766554401020304 01 0001 67
                """,
            fixedBytes: 51
        ),
        Golden(
            testDescription: "receipts",
            envelope: Envelope(
                origin: origin,
                sequence: 2,
                message: .receipts([
                    Receipt(id: id, connections: 3), Receipt(id: PublicationID(target.description)!, connections: .max),
                ])
            ),
            hex: """
                56 01 02 0a0b0c0d 0000000000000002 0002
                00112233445566778899aabb0a0b0c0d 00000003
                0f1e2d3c4b5a69788796a5b4deadbeef ffffffff
                """,
            fixedBytes: 57
        ),
        Golden(
            testDescription: "no receipts",
            envelope: Envelope(origin: origin, sequence: 2, message: .receipts([])),
            hex: "56 01 02 0a0b0c0d 0000000000000002 0000",
            fixedBytes: 17
        ),
        Golden(
            testDescription: "a close request",
            envelope: Envelope(
                origin: origin,
                sequence: 3,
                message: .close(CloseRequest(id: id, connection: target, code: .policyViolation, reason: "no é"))
            ),
            hex: """
                56 01 03 0a0b0c0d 0000000000000003
                00112233445566778899aabb0a0b0c0d 0f1e2d3c4b5a69788796a5b4deadbeef 03f0 6e 6f 20 c3a9
                """,
            fixedBytes: 49
        ),
        Golden(
            testDescription: "a drain request",
            envelope: Envelope(origin: origin, sequence: 4, message: .drain(id)),
            hex: "56 01 05 0a0b0c0d 0000000000000004 00112233445566778899aabb0a0b0c0d",
            fixedBytes: 31
        ),
        Golden(
            testDescription: "a probe",
            envelope: Envelope(origin: origin, sequence: 5, message: .probe(id)),
            hex: "56 01 06 0a0b0c0d 0000000000000005 00112233445566778899aabb0a0b0c0d",
            fixedBytes: 31
        ),
    ]

    static func bytes(_ hex: String) -> [UInt8] {
        let digits = hex.filter { !$0.isWhitespace }.map { UInt8($0.hexDigitValue!) }
        return stride(from: 0, to: digits.count, by: 2).map { digits[$0] * 16 + digits[$0 + 1] }
    }

    /// nil: an envelope.
    private func error(of bytes: [UInt8]) -> EnvelopeError? {
        do {
            _ = try Envelope(decoding: ByteBuffer(bytes: bytes))
            return nil
        } catch {
            return error
        }
    }

    @Test(arguments: Self.goldens)
    func `Every message has the bytes it always had, and reads back`(golden: Golden) throws {
        #expect(Array(buffer: golden.envelope.encoded()) == golden.bytes)
        #expect(try Envelope(decoding: ByteBuffer(bytes: golden.bytes)) == golden.envelope)
    }

    @Test func `An envelope is read where it lies in a larger buffer`() throws {
        let golden = Self.goldens[0]
        var buffer = ByteBuffer(bytes: [0, 0, 0] + golden.bytes)
        buffer.moveReaderIndex(forwardBy: 3)
        #expect(try Envelope(decoding: buffer) == golden.envelope)
    }

    @Test func `Random publications read back`() throws {
        print("EnvelopeTests: VOLARY_TEST_SEED=\(SplitMix64.seed)")
        var random = SplitMix64()
        for _ in 0..<5000 {
            let dataType = Publication.DataType.allCases.randomElement(using: &random)!
            let payload = random.bytes(.random(in: 0...100, using: &random)).map { dataType == .binary ? $0 : $0 & 0x7F }
            let envelope = Envelope(
                origin: NodeID(rawValue: UInt32(truncatingIfNeeded: random.next())),
                sequence: random.next(),
                message: .publication(
                    Publication(
                        id: .random(on: Self.origin),
                        kind: Publication.Kind.allCases.randomElement(using: &random)!,
                        sender: random.chance(50) ? .random(on: Self.origin) : nil,
                        audience: Self.audiences.randomElement(using: &random)!,
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

    @Test func `As many receipts as allowed travel in one envelope`() throws {
        let receipts = (0..<Limits.maximumReceiptsPerEnvelope).map {
            Receipt(id: .random(on: Self.origin), connections: UInt32($0))
        }
        let envelope = Envelope(origin: Self.origin, sequence: 9, message: .receipts(receipts))
        #expect(try Envelope(decoding: envelope.encoded()) == envelope)
    }

    @Test func `The largest payload fits the largest envelope`() throws {
        #expect(Limits.envelopeHeaderBytes == 15)
        let payload = ByteBuffer(repeating: 0x61, count: Limits.maximumPayloadBytes)
        let publication = Publication(
            id: Self.id,
            kind: .message,
            sender: Self.connection,
            audience: .group(AudienceName(String(repeating: "日", count: AudienceName.maximumUnits))!),
            timestamp: 0,
            confirmation: .written(milliseconds: .max),
            payload: payload
        )
        let encoded = Envelope(origin: Self.origin, sequence: 1, message: .publication(publication)).encoded()
        #expect(encoded.readableBytes <= Limits.maximumEnvelopeBytes)
        #expect(try Envelope(decoding: encoded).message == .publication(publication))
    }

    // MARK: - What is refused

    @Test(arguments: Self.goldens)
    func `Every truncation is an error, and inside an open end a shorter message or an error`(golden: Golden) {
        for count in 0..<golden.fixedBytes {
            let error = self.error(of: Array(golden.bytes.prefix(count)))
            #expect(error == (count == 0 ? .notAnEnvelope : .truncated), "\(count) bytes")
        }
        for count in golden.fixedBytes..<golden.bytes.count {
            let bytes = Array(golden.bytes.prefix(count))
            if let envelope = try? Envelope(decoding: ByteBuffer(bytes: bytes)) {
                #expect(Array(buffer: envelope.encoded()) == bytes)
            }
        }
    }

    @Test(arguments: Self.goldens)
    func `Every change of one byte gives an error, or an envelope with just these bytes`(golden: Golden) {
        for index in golden.bytes.indices {
            for value in UInt8.min ... .max {
                var bytes = golden.bytes
                bytes[index] = value
                guard let envelope = try? Envelope(decoding: ByteBuffer(bytes: bytes)) else { continue }
                if Array(buffer: envelope.encoded()) != bytes { Issue.record("byte \(index) = \(value) was read as \(envelope)") }
            }
        }
    }

    @Test func `Random bytes give an error, or an envelope with just these bytes`() {
        var random = SplitMix64()
        var envelopes = 0
        for _ in 0..<200_000 {
            var bytes = random.bytes(.random(in: 0...110, using: &random))
            // Led past the first checks, most of the time, so that the later ones are met.
            let lead: [UInt8] = [0x56, 1, .random(in: 1...5, using: &random)]
            if random.chance(90) { bytes.replaceSubrange(0..<min(3, bytes.count), with: lead.prefix(bytes.count)) }
            if random.chance(70), bytes.count > 33 {
                bytes[31] = .random(in: 1...3, using: &random)
                bytes[32] = .random(in: 1...3, using: &random)
                bytes[33] &= 7
            }
            do {
                let envelope = try Envelope(decoding: ByteBuffer(bytes: bytes))
                envelopes += 1
                if Array(buffer: envelope.encoded()) != bytes { Issue.record("\(bytes) was read as \(envelope)") }
            } catch {
                // An EnvelopeError, by its type.
                continue
            }
        }
        #expect(envelopes > 1000)
    }

    @Test func `An attempt is counted in the bytes, modulo 16, and changes nothing else`() throws {
        for golden in Self.goldens {
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
        var short = ByteBuffer(bytes: [0x56, 1])
        Envelope.countAttempt(in: &short)
        #expect(short == ByteBuffer(bytes: [0x56, 1]))
    }

    @Test func `A fault in the head has its own error`() {
        let bytes = Self.goldens[1].bytes
        func changed(_ index: Int, to value: UInt8) -> EnvelopeError? {
            var bytes = bytes
            bytes[index] = value
            return self.error(of: bytes)
        }
        #expect(changed(0, to: 0x57) == .notAnEnvelope)
        #expect(changed(1, to: 0) == .unsupportedVersion(0))
        #expect(changed(1, to: 2) == .unsupportedVersion(2))
        #expect(changed(2, to: 0) == .invalid(field: "type"))
        #expect(changed(2, to: 7) == .invalid(field: "type"))
        #expect(changed(31, to: 0) == .invalid(field: "kind"))
        #expect(changed(31, to: 4) == .invalid(field: "kind"))
        #expect(changed(32, to: 0) == .invalid(field: "data type"))
        #expect(changed(32, to: 4) == .invalid(field: "data type"))
        // Unknown ones, two audiences, two receipts.
        for flags: UInt8 in [64, 128, 4 | 8, 8 | 16, 4 | 16, 1 | 32] {
            #expect(changed(33, to: flags) == .invalid(field: "flags"))
        }
        #expect(changed(33, to: 8) == .truncated)
        #expect(changed(33, to: 16) == .truncated)
        #expect(changed(33, to: 32) == .truncated)
        #expect(changed(33, to: 2) == .truncated)
        #expect(changed(33, to: 4) == .truncated)
        // Another version is named also when nothing else of it can be read.
        #expect(self.error(of: [0x56, 9]) == .unsupportedVersion(9))
    }

    @Test(arguments: [[0xFF], [0x61, 0xC3], [0xED, 0xA0, 0x80], [0xC0, 0x80]] as [[UInt8]])
    func `A text that is not UTF-8 is refused, as binary it is taken`(payload: [UInt8]) {
        let head = Self.bytes("56 01 01 00000000 0000000000000001 00112233445566778899aabb0a0b0c0d 02")
        let timestamp = Self.bytes("0000000000000000")
        #expect(self.error(of: head + [1, 0] + timestamp + payload) == .invalid(field: "payload"))
        #expect(self.error(of: head + [2, 0] + timestamp + payload) == nil)
        #expect(self.error(of: head + [3, 0] + timestamp + payload) == .invalid(field: "payload"))
        #expect(self.error(of: head + [3, 0] + timestamp + [0x31]) == nil)
        #expect(self.error(of: head + [1, 0] + timestamp + [0x61]) == nil)
    }

    @Test(
        arguments: [
            [0xFF], [0x61, 0xC3], [0xED, 0xA0, 0x80], [0xC0, 0x80], [0], [0x61, 0, 0x61], [],
        ] as [[UInt8]]
    )
    func `A name that is no name of UTF-8 is refused, and not repaired`(name: [UInt8]) {
        let head = Self.bytes(
            "56 01 04 0a0b0c0d 0000000000000003 00112233445566778899aabb0a0b0c0d 0f1e2d3c4b5a69788796a5b4deadbeef 01"
        )
        #expect(self.error(of: head + [0, UInt8(name.count)] + name) == .invalid(field: "group"))
        #expect(self.error(of: head + [0, 1, 0x61]) == nil)
        // Said to be longer than any name: nothing is read.
        #expect(self.error(of: head + [0x0C, 0x01]) == .invalid(field: "group"))
    }

    @Test func `A count of receipts that lies is refused`() {
        let head = Self.bytes("56 01 02 0a0b0c0d 0000000000000002")
        let receipt = Self.bytes("00112233445566778899aabb0a0b0c0d 00000003")
        #expect(self.error(of: head + [0, 1] + receipt) == nil)
        #expect(self.error(of: head + [0, 2] + receipt) == .truncated)
        #expect(self.error(of: head + [0, 0] + receipt) == .trailingBytes)
        #expect(self.error(of: head + [0, 1] + receipt + [0]) == .trailingBytes)
        #expect(self.error(of: head + [0x03, 0xE8]) == .truncated)
        #expect(self.error(of: head + [0x03, 0xE9]) == .invalid(field: "count"))
        #expect(self.error(of: head + [0xFF, 0xFF]) == .invalid(field: "count"))
    }

    @Test func `A close request takes only a code that may be sent and a reason that fits`() {
        let head = Self.bytes(
            "56 01 03 0a0b0c0d 0000000000000003 00112233445566778899aabb0a0b0c0d 0f1e2d3c4b5a69788796a5b4deadbeef"
        )
        #expect(self.error(of: head + [0x03, 0xE8]) == nil)
        #expect(self.error(of: head + [0x03, 0xED]) == .invalid(field: "code"))
        #expect(self.error(of: head + [0x03, 0xE8, 0xFF]) == .invalid(field: "reason"))
        #expect(self.error(of: head + [0x03, 0xE8] + Array(repeating: 0x61, count: 123)) == nil)
        #expect(self.error(of: head + [0x03, 0xE8] + Array(repeating: 0x61, count: 124)) == .invalid(field: "reason"))
    }

    @Test func `Too many bytes are refused before they are looked at`() {
        #expect(throws: EnvelopeError.tooLarge) {
            try Envelope(decoding: ByteBuffer(repeating: 0x56, count: Limits.maximumEnvelopeBytes + 1))
        }
    }
}
