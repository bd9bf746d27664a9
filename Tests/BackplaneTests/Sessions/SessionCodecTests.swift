import NIOCore
import TestSupport
import Testing
import VolaryProtocol

@testable import VolaryBackplane

/// The stored forms of entries and records.
struct SessionCodecTests {
    private static let names: [AudienceName] = [
        "ann", "it's", "''", "é %/{}", AudienceName(String(repeating: "n", count: 1024))!,
    ]
    @Test func `A publication keeps what decides who gets it, and when it expires`() throws {
        let connections = (1...3).map { _ in ConnectionID.random(on: NodeID(rawValue: 7)) }
        let details = PublicationDetails(secondsToLive: 3, excluded: Set(connections), filter: .isMember("ann"))
        for details in [details, nil] {
            let publication = HubPublication.test("text", to: .group("ann"), details)
            let bytes = Envelope(origin: NodeID(rawValue: 7), sequence: 9, message: .publication(publication.publication))
                .encoded()
            #expect(HubFrame.content(envelope: bytes) == .publication(publication))
            #expect(publication.expiresAt == (details == nil ? nil : 3000))
        }
    }

    @Test func `Changes of a session are read as they were written`() {
        let state = ByteBuffer(bytes: [0, 1, 255])
        let changes: [ControlEntry] =
            Self.names.flatMap { [.joined($0), .left($0)] } + [
                .permissions([]), .permissions(["a", "", "é"]), .state(state), .state(ByteBuffer()),
            ]
        for change in changes {
            #expect(ControlEntryCodec.decode(ControlEntryCodec.encode(change)) == .control(change))
        }
    }

    /// "C", format, lowest format, kind, fields and body.
    private func change(_ head: [UInt8], _ rest: [UInt8] = [0]) -> LogEntry.Content {
        ControlEntryCodec.decode(ByteBuffer(bytes: [0x43] + head + rest))
    }

    @Test func `A change of the next version is read without its fields, unless it says otherwise`() {
        let (a, field): ([UInt8], [UInt8]) = ([0x61], [0x80, 0, 2, 7, 7])
        #expect(self.change([3, 2, 1], [0] + a) == .control(.joined("a")))
        #expect(self.change([3, 2, 1], [1] + field + a) == .control(.joined("a")))
        #expect(self.change([3, 2, 2], [2] + field + [0x81, 0, 0] + a) == .control(.left("a")))
        // Which formats can read it.
        #expect(self.change([3, 3, 1], [0] + a) == .unreadable && self.change([1, 1, 1], [0] + a) == .unreadable)
        // A field and a kind that may not be skipped, and a kind that may.
        #expect(self.change([3, 2, 1], [1, 0x7F, 0, 0] + a) == .unreadable)
        #expect(self.change([3, 2, 5], [0] + a) == .unreadable && self.change([3, 2, 0x85], [0] + a) == .other)
    }

    @Test func `Bytes that no node writes are no entry`() {
        for text in ["", "C", "C\u{2}", "C\u{2}\u{2}\u{1}", "V", "x"] {
            #expect(ControlEntryCodec.decode(ByteBuffer(string: text)) == .unreadable, "\(text)")
        }
        let bodies: [[UInt8]] = [[0], [1], [1, 0x80, 0], [1, 0x80, 0, 9, 0x61], [0, 0xFF]]
        for body in bodies { #expect(self.change([2, 2, 1], body) == .unreadable, "\(body)") }
        #expect(self.change([2, 2, 3], [0, 0]) == .unreadable)
        // An envelope of a type that is for nodes only, and one that may be for clients.
        #expect(HubFrame.content(envelope: ByteBuffer(bytes: [0x56, 3, 12, 2])) == .other)
        #expect(HubFrame.content(envelope: ByteBuffer(bytes: [0x56, 3, 9, 2])) == .unreadable)
        for text in ["", "L", "V", "S", "M123", "F", "X", "Lshort"] {
            #expect(HubFrame.event(ByteBuffer(string: text)) == nil && HubFrame.event(ByteBuffer(string: text), on: .all) == nil)
        }
    }

    @Test func `A record without the time of its connection, which an older node stored, is read`() throws {
        func record(_ more: [String]) -> SessionRecord? {
            let fields = [
                "fence", "1-2", "node", "", "until", "9", "epoch", "1", "P", "2", "n", "0", "window", "1", "permissions", "",
                "state", "",
            ]
            let values = (fields + more).map { RESPValue.bulk(ByteBuffer(string: $0)) }
            return SessionRecord(id: .random(on: NodeID(rawValue: 1)), fields: .array(values), groups: .array([]))
        }
        #expect(try #require(record([])).connectedAt == 0)
        #expect(try #require(record(["opened", "1800000000001"])).connectedAt == 1_800_000_000_001)
    }

    @Test func `Acknowledged ids are read as they were written`() throws {
        let text = try #require(AckID("a b/é"))
        let ids: [AckID] = [.number(0), .number(7), text, .number(.max), .number(1 << 52)]
        for id in ids {
            let stored = AcknowledgedIDCodec.encode(id)
            let isRun = stored.first?.isNumber == true
            let decoded = AcknowledgedIDCodec.decode(isRun ? "\(stored)+1 " : "\(stored) ")
            #expect(decoded.contains(id))
        }
        let run = AcknowledgedIDCodec.decode("5+3 ")
        #expect((4...8).map { run.contains(.number($0)) } == [false, true, true, true, false])
    }
}
