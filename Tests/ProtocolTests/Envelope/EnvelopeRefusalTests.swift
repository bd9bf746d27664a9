import NIOCore
import TestSupport
import Testing
import VolaryProtocol

/// Bytes that are no envelope.
@Suite
struct EnvelopeRefusalTests {
    private typealias Golden = EnvelopeGolden

    private func error(of bytes: [UInt8]) -> EnvelopeError? { EnvelopeBytes.error(of: bytes) }

    @Test(arguments: EnvelopeGolden.all)
    func `Every truncation is an error, and inside an open end a shorter message or an error`(golden: EnvelopeGolden) {
        for count in 0..<golden.fixedBytes {
            let error = self.error(of: Array(golden.bytes.prefix(count)))
            #expect(error == (count == 0 ? .notAnEnvelope : .truncated), "\(count) bytes")
        }
        for count in golden.fixedBytes..<golden.bytes.count {
            let bytes = Array(golden.bytes.prefix(count))
            if let envelope = try? Envelope(decoding: ByteBuffer(bytes: bytes)) {
                #expect(EnvelopeBytes.say(bytes, envelope))
            }
        }
    }

    @Test(arguments: EnvelopeGolden.all)
    func `Every change of one byte gives an error, or an envelope that the bytes say`(golden: EnvelopeGolden) {
        for index in golden.bytes.indices {
            for value in UInt8.min ... .max {
                var bytes = golden.bytes
                bytes[index] = value
                guard let envelope = try? Envelope(decoding: ByteBuffer(bytes: bytes)) else { continue }
                if !EnvelopeBytes.say(bytes, envelope) { Issue.record("byte \(index) = \(value) was read as \(envelope)") }
            }
        }
    }

    @Test func `Random bytes give an error, or an envelope that the bytes say`() {
        var random = SplitMix64()
        var envelopes = 0
        for _ in 0..<200_000 {
            var bytes = random.bytes(.random(in: 0...110, using: &random))
            // Led past the first checks, most of the time, so that the later ones are met.
            let lead: [UInt8] = [0x56, 2, .random(in: 1...5, using: &random), 2]
            if random.chance(90) { bytes.replaceSubrange(0..<min(4, bytes.count), with: lead.prefix(bytes.count)) }
            if random.chance(70), bytes.count > 34 {
                let field: [UInt8] = [.random(in: 1...7, using: &random) | (random.chance(50) ? 0x80 : 0), 0]
                bytes[16] = random.chance(50) ? 0 : 1
                let (kind, length) = bytes[16] == 0 ? (33, 0) : (36, Int.random(in: 0...16, using: &random))
                if bytes[16] == 1 { bytes.replaceSubrange(17..<20, with: field + [UInt8(length)]) }
                for index in kind + length...kind + length + 1 where index < bytes.count {
                    bytes[index] = .random(in: 1...3, using: &random)
                }
            }
            do {
                let envelope = try Envelope(decoding: ByteBuffer(bytes: bytes))
                envelopes += 1
                if !EnvelopeBytes.say(bytes, envelope) { Issue.record("\(bytes) was read as \(envelope)") }
            } catch {
                // An EnvelopeError, by its type.
                continue
            }
        }
        #expect(envelopes > 1000)
    }

    @Test func `A fault in the head has its own error`() {
        let bytes = Golden.all[1].bytes
        func changed(_ index: Int, to value: UInt8) -> EnvelopeError? {
            var bytes = bytes
            bytes[index] = value
            return self.error(of: bytes)
        }
        #expect(changed(0, to: 0x57) == .notAnEnvelope)
        #expect(changed(1, to: 1) == .unsupportedFormat(1))
        #expect(changed(2, to: 0) == .unknownType(0))
        #expect(changed(3, to: 3) == .unsupportedFormat(2))
        #expect(changed(16, to: 1) == .truncated)
        #expect(changed(33, to: 0) == .invalid(field: "kind"))
        #expect(changed(33, to: 4) == .invalid(field: "kind"))
        #expect(changed(34, to: 0) == .invalid(field: "data type"))
        #expect(changed(34, to: 5) == .invalid(field: "data type"))
    }

    /// The envelope of a publication with these fields, in this order.
    private func publication(_ fields: [UInt8]...) -> [UInt8] {
        Golden.bytes("56 02 01 02 00000000 0000000000000001") + [UInt8(fields.count)] + fields.flatMap(\.self)
            + Golden.bytes("00112233445566778899aabb0a0b0c0d 02 01 0000000000000000 61")
    }

    private func field(_ tag: UInt8, _ value: [UInt8]) -> [UInt8] { [tag, 0, UInt8(value.count)] + value }

    @Test func `Fields come in one order, none twice, and none in a message that has no such field`() {
        let (hub, sender, group) = (self.field(1, [0x61]), self.field(2, Array(repeating: 7, count: 16)), self.field(4, [0x67]))
        #expect(self.error(of: self.publication(hub, sender, group)) == nil)
        #expect(self.error(of: self.publication(sender, hub)) == .invalid(field: "tag"))
        #expect(self.error(of: self.publication(hub, hub)) == .invalid(field: "tag"))
        #expect(self.error(of: self.publication(self.field(0, []))) == .invalid(field: "tag"))
        #expect(self.error(of: self.publication(self.field(0x80, []), self.field(0x80, []))) == .invalid(field: "tag"))
        for golden in Golden.all {
            var envelope = EnvelopeBytes(golden)
            envelope.add(4, [0x67])
            switch golden.envelope.message {
            case .publication, .audience: break
            case .receipts, .close, .membership, .permission, .drain, .probe, .transportRequest, .transportAnswer, .trace:
                #expect(envelope.error == .invalid(field: "tag"))
            }
        }
    }

    @Test func `A request or an answer of an unknown kind is refused, and one with more than it may have`() {
        let id = Golden.bytes("00112233445566778899aabb0a0b0c0d")
        func request(_ rest: [UInt8]) -> EnvelopeError? {
            self.error(of: Golden.bytes("56 02 0c 02 00000000 0000000000000001 00") + id + id + rest)
        }
        for action in 2...6 as ClosedRange<UInt8> {
            #expect(request([action, 0, 0]) == nil)
            #expect(request([action, 0, 0, 1]) == .trailingBytes)
        }
        for action in [0, 7, 0xFF] as [UInt8] { #expect(request([action, 0, 0]) == .invalid(field: "action")) }
        #expect(request([2, 0, 1]) == .truncated)
        #expect(request([2, 0, 1, 0xFF]) == .invalid(field: "user"))
        func answer(_ rest: [UInt8]) -> EnvelopeError? {
            self.error(of: Golden.bytes("56 02 0d 02 00000000 0000000000000001 00") + id + rest)
        }
        for outcome in TransportAnswer.Outcome.allCases {
            #expect(answer([outcome.rawValue]) == nil)
            #expect(answer([outcome.rawValue, 1]) == (outcome == .data ? nil : .trailingBytes))
        }
        for outcome in [0, 13, 0xFF] as [UInt8] { #expect(answer([outcome]) == .invalid(field: "outcome")) }
    }

    @Test func `A value of a field that no node writes is refused`() {
        let id = Array(repeating: 7 as UInt8, count: 16)
        #expect(self.error(of: self.publication(self.field(2, id.dropLast()))) == .invalid(field: "sender"))
        #expect(self.error(of: self.publication(self.field(3, id + [7]))) == .invalid(field: "connection"))
        #expect(self.error(of: self.publication(self.field(6, [1]))) == .invalid(field: "confirmation"))
        // Two audiences.
        for audience in [self.field(3, id), self.field(4, [0x67])] {
            #expect(self.error(of: self.publication(audience, self.field(5, [0x75]))) == .invalid(field: "audience"))
        }
        // The default hub has no field, the others one form.
        for hub in ["default", "", "Chat", "1", "a b", "é", String(repeating: "a", count: 129)] {
            #expect(self.error(of: self.publication(self.field(1, Array(hub.utf8)))) == .invalid(field: "hub"), "\(hub)")
        }
        #expect(self.error(of: self.publication(self.field(1, [0x61, 0xFF]))) == .invalid(field: "hub"))
    }

    @Test func `Details that no node writes are refused`() throws {
        let (a, b) = (Array(repeating: 1 as UInt8, count: 16), Array(repeating: 2 as UInt8, count: 16))
        func refuses(_ tag: UInt8, _ value: [UInt8], _ name: String) {
            #expect(self.error(of: self.publication(self.field(tag, value))) == .invalid(field: name), "\(tag) \(value)")
        }
        refuses(7, [], "sender's user")
        // No entry, half an entry, a key twice, a value that is no header's, an empty key.
        for value in [[], [0], [0, 1, 0x6B], [0, 1, 0x6B, 0, 0, 0, 1, 0x6B, 0, 0], [0, 1, 0x6B, 0, 1, 0x0A], [0, 0, 0, 0]]
            as [[UInt8]]
        {
            refuses(8, value, "metadata")
        }
        for value in [[], [1], [0, 0], [0, 0, 1]] as [[UInt8]] { refuses(9, value, "lifetime") }
        for value in [[], a.dropLast(), b + a, a + a] as [[UInt8]] { refuses(10, value, "excluded") }
        for value in [[], Array("1".utf8), Array("userId".utf8), [0xFF]] as [[UInt8]] { refuses(11, value, "filter") }
        #expect(self.error(of: self.publication(self.field(10, a + b), self.field(11, Array("true".utf8)))) == nil)
    }

    @Test func `A command for an audience takes only names, and a text that fits`() {
        let head = Golden.bytes("56 02 07 02 0a0b0c0d 0000000000000003 00 00112233445566778899aabb0a0b0c0d 0000000000000000")
        #expect(self.error(of: head + [0]) == .invalid(field: "action"))
        #expect(self.error(of: head + [5]) == .invalid(field: "action"))
        #expect(self.error(of: head + [1] + Array(repeating: 0x61, count: Limits.maximumCloseTextBytes)) == nil)
        #expect(
            self.error(of: head + [1] + Array(repeating: 0x61, count: Limits.maximumCloseTextBytes + 1))
                == .invalid(field: "text")
        )
        #expect(self.error(of: head + [1, 0xFF]) == .invalid(field: "text"))
        #expect(self.error(of: head + [2]) == .truncated)
        #expect(self.error(of: head + [3, 0, 2, 0x61]) == .truncated)
        #expect(self.error(of: head + [2, 0, 0]) == .invalid(field: "group"))
        #expect(self.error(of: head + [4, 0]) == .trailingBytes)
        let groups = Array(repeating: [0, 1, 0x61] as [UInt8], count: Limits.maximumGroupsPerCommand).flatMap(\.self)
        #expect(self.error(of: head + [2] + groups) == nil)
        #expect(self.error(of: head + [2] + groups + [0, 1, 0x61]) == .invalid(field: "groups"))
        let permission = Golden.bytes(
            "56 02 08 02 0a0b0c0d 0000000000000003 00 00112233445566778899aabb0a0b0c0d 0f1e2d3c4b5a69788796a5b4deadbeef"
        )
        #expect(self.error(of: permission + [1, 1]) == nil)
        #expect(self.error(of: permission + [4, 1]) == .invalid(field: "action"))
        #expect(self.error(of: permission + [1, 3]) == .invalid(field: "permission"))
        #expect(self.error(of: permission + [1, 1, 0]) == .invalid(field: "group"))
    }

    @Test(arguments: [[0xFF], [0x61, 0xC3], [0xED, 0xA0, 0x80], [0xC0, 0x80]] as [[UInt8]])
    func `A text that is not UTF-8 is refused, as binary it is taken`(payload: [UInt8]) {
        let head = Golden.bytes("56 02 01 02 00000000 0000000000000001 00 00112233445566778899aabb0a0b0c0d 02")
        let timestamp = Golden.bytes("0000000000000000")
        #expect(self.error(of: head + [1] + timestamp + payload) == .invalid(field: "payload"))
        #expect(self.error(of: head + [2] + timestamp + payload) == nil)
        #expect(self.error(of: head + [3] + timestamp + payload) == .invalid(field: "payload"))
        #expect(self.error(of: head + [3] + timestamp + [0x31]) == nil)
        #expect(self.error(of: head + [1] + timestamp + [0x61]) == nil)
    }

    @Test(
        arguments: [
            [0xFF], [0x61, 0xC3], [0xED, 0xA0, 0x80], [0xC0, 0x80], [0], [0x61, 0, 0x61], [],
        ] as [[UInt8]]
    )
    func `A name that is no name of UTF-8 is refused, and not repaired`(name: [UInt8]) {
        let head = Golden.bytes(
            "56 02 04 02 0a0b0c0d 0000000000000003 00 00112233445566778899aabb0a0b0c0d 0f1e2d3c4b5a69788796a5b4deadbeef 01"
        )
        #expect(self.error(of: head + name) == .invalid(field: "group"))
        #expect(self.error(of: head + [0x61]) == nil)
        #expect(self.error(of: head + Array(repeating: 0x61, count: 1024)) == nil)
        #expect(self.error(of: head + Array(repeating: 0x61, count: 1025)) == .invalid(field: "group"))
        #expect(self.error(of: head + Array(repeating: 0x61, count: 3073)) == .invalid(field: "group"))
        for tag: UInt8 in [4, 5] {
            let field = tag == 4 ? "group" : "user"
            #expect(self.error(of: self.publication(self.field(tag, name))) == .invalid(field: field))
            #expect(self.error(of: self.publication(self.field(tag, [0x61]))) == nil)
        }
    }

    @Test func `A count of receipts that lies is refused`() {
        let head = Golden.bytes("56 02 02 02 0a0b0c0d 0000000000000002 00")
        let receipt = Golden.bytes("00112233445566778899aabb0a0b0c0d 00000003")
        #expect(self.error(of: head + [0, 1] + receipt) == nil)
        #expect(self.error(of: head + [0, 2] + receipt) == .truncated)
        #expect(self.error(of: head + [0, 0] + receipt) == .trailingBytes)
        #expect(self.error(of: head + [0, 1] + receipt + [0]) == .trailingBytes)
        #expect(self.error(of: head + [0x03, 0xE8]) == .truncated)
        #expect(self.error(of: head + [0x03, 0xE9]) == .invalid(field: "count"))
        #expect(self.error(of: head + [0xFF, 0xFF]) == .invalid(field: "count"))
    }

    @Test func `A close request takes only a code that may be sent and a reason that fits`() {
        let head = Golden.bytes(
            "56 02 03 02 0a0b0c0d 0000000000000003 00 00112233445566778899aabb0a0b0c0d 0f1e2d3c4b5a69788796a5b4deadbeef"
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
