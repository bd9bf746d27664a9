import Testing
import VolaryBackplane
import VolaryProtocol

@testable import VolaryNode

/// What a node knows of the others.
@Suite
struct NodeDirectoryTests {
    private static func record(_ name: String) -> NodeRecord {
        NodeRecord(id: .random(), name: name, version: "1", startedAt: 0, leaseMilliseconds: 5000)
    }

    private static func status(_ record: NodeRecord, expired: Bool = false) -> NodeStatus {
        NodeStatus(record: record, connections: 0, leaseAge: .zero, expired: expired)
    }

    @Test
    func `The name of a node that has lost its lease is known still: it may answer yet`() {
        let (own, other) = (Self.record("own"), Self.record("other"))
        let directory = NodeDirectory(own: own)
        #expect(directory.name(of: other.id) == nil)
        directory.update([Self.status(own), Self.status(other)])
        directory.update([Self.status(own)])
        #expect(directory.name(of: other.id) == "other")
        #expect(directory.live.map(\.name) == ["own"])
    }

    @Test
    func `Nodes that the store has lost are expected, until they are back or nobody is awaited any more`() {
        let (own, other, third) = (Self.record("own"), Self.record("other"), Self.record("third"))
        let directory = NodeDirectory(own: own)
        directory.update([
            Self.status(own), Self.status(other), Self.status(third), Self.status(Self.record("gone"), expired: true),
        ])
        directory.awaitReregistration()
        directory.update([Self.status(own)])
        #expect(directory.expected == [own.id, other.id, third.id])
        directory.update([Self.status(own), Self.status(other)])
        directory.update([Self.status(own)])
        #expect(directory.expected == [own.id, third.id], "what was back has gone again")
        directory.endReregistrationWait()
        #expect(directory.expected == [own.id])
    }

    @Test
    func `Names are not remembered without bounds`() {
        let (own, first) = (Self.record("own"), Self.record("first"))
        let directory = NodeDirectory(own: own)
        directory.update([Self.status(first)])
        for _ in 0..<1100 { directory.update([Self.status(Self.record("passing"))]) }
        #expect(directory.name(of: first.id) == nil)
        #expect(directory.name(of: own.id) == "own")
    }
}
