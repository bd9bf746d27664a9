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
    private let connections = (1...3).map { _ in ConnectionID.random(on: NodeID(rawValue: 7)) }

    private func publication(
        excluding excluded: Set<ConnectionID> = [],
        excludesSender: Bool = false,
        filter: AudienceFilter? = nil,
        expiresAt: Int64? = nil
    ) -> HubPublication {
        let publication = Publication(
            id: .random(on: NodeID(rawValue: 7)),
            kind: .message,
            sender: self.connections[0],
            hub: .default,
            audience: .group("ann"),
            timestamp: 1_800_000_000_000,
            payload: ByteBuffer(string: "text")
        )
        return HubPublication(
            publication,
            excluding: excluded,
            excludesSender: excludesSender,
            filter: filter,
            expiresAt: expiresAt
        )
    }

    private func stored(_ publication: HubPublication) throws -> HubPublication {
        let bytes = try #require(publication.envelope(origin: NodeID(rawValue: 7), sequence: 9))
        guard case .publication(let stored) = HubFrame.content(envelope: bytes) else { throw ContractError() }
        return stored
    }

    @Test func `A publication keeps what decides who gets it`() throws {
        let stored = try self.stored(self.publication(excluding: [connections[1]], excludesSender: true))
        #expect(Set(stored.publication.details?.excluded ?? []) == [connections[0], connections[1]])
        #expect(stored.publication.id.node == NodeID(rawValue: 7) && stored.text == "text")
        let plain = self.publication()
        #expect(try self.stored(plain) == plain)
    }

    @Test(arguments: [(1, 1), (1000, 1), (1001, 2), (60_000, 60), (-5, 1)] as [(Int64, Int64)])
    func `An expiry is kept in whole seconds, rounded up`(milliseconds: Int64, seconds: Int64) throws {
        let stored = try self.stored(self.publication(expiresAt: 1_800_000_000_000 + milliseconds))
        #expect(stored.expiresAt == 1_800_000_000_000 + 1000 * seconds)
    }

    @Test func `A stored filter matches whom the filter matches`() throws {
        var random = SplitMix64(state: 1)
        for _ in 0..<200 {
            let filter = self.filter(&random, depth: 4)
            let publication = self.publication(filter: filter)
            let stored = try self.stored(publication)
            for connection in self.connections {
                for user in Self.names.map(Optional.some) + [nil] {
                    let member = Self.names[random.below(Self.names.count)]
                    let memberships = MembershipHistory(intervals: [member: [MembershipHistory.Interval(from: 0)]])
                    let session = DeliveryFilter(connection: connection, user: user)
                    func delivers(_ publication: HubPublication) -> Bool {
                        let entry = LogEntry(number: 1, previous: 0, topic: .all, time: 0, content: .publication(publication))
                        return session.delivers(entry, to: memberships) != nil
                    }
                    #expect(delivers(stored) == delivers(publication), "\(filter.expression)")
                }
            }
        }
    }

    private func filter(_ random: inout SplitMix64, depth: Int) -> AudienceFilter {
        let name = Self.names[random.below(Self.names.count)]
        switch random.below(depth == 0 ? 3 : 6) {
        case 0: return .isMember(name)
        case 1: return .isUser(name)
        case 2: return .isConnection(self.connections[random.below(3)])
        case 3: return .not(self.filter(&random, depth: depth - 1))
        case 4: return .all((0..<random.below(3)).map { _ in self.filter(&random, depth: depth - 1) })
        default: return .any((0..<random.below(3)).map { _ in self.filter(&random, depth: depth - 1) })
        }
    }

    @Test func `A filter that is too long for an envelope is not stored`() {
        let filter = AudienceFilter.any((0..<20).map { _ in .isMember(Self.names[4]) })
        #expect(self.publication(filter: filter).envelope(origin: NodeID(rawValue: 7), sequence: 1) == nil)
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
