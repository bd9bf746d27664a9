import Testing
import VolaryBackplane
import VolaryProtocol

@testable import VolaryNode

/// The missing nodes in a push response.
@Suite
struct PushResponseTests {
    private let own = Self.record("own")
    private let other = Self.record("other")
    private let directory: NodeDirectory

    init() {
        self.directory = NodeDirectory(own: self.own)
        self.directory.update([Self.status(self.own), Self.status(self.other)])
    }

    private static func record(_ name: String) -> NodeRecord {
        NodeRecord(id: .random(), name: name, version: "1", startedAt: 0, leaseMilliseconds: 5000)
    }

    private static func status(_ record: NodeRecord) -> NodeStatus {
        NodeStatus(record: record, connections: 0, leaseAge: .zero, expired: false)
    }

    private func receipt(_ outcome: PublishOutcome, to audience: HubAudience) -> PushResponse {
        let answer = ReceiptCollector.Answer(outcome: outcome, receipts: [self.own.id: 2])
        let result = PushOutcome(id: .random(on: self.own.id), answer: answer)
        return PushResponse(result, audience: audience, isConnected: nil, directory: self.directory)
    }

    @Test func `Of a broadcast, each node that is there and has not answered is missing`() {
        #expect(self.receipt(.relayed(receivers: 1), to: .all).missing == ["other"])
        self.directory.update([Self.status(self.own)])
        #expect(self.receipt(.relayed(receivers: 1), to: .all).missing.isEmpty)
    }

    @Test func `Of another hub than the default one, a broadcast reaches the nodes that the broker knows`() {
        let hub = HubAudience(hub: "chat", audience: .all)
        #expect(self.receipt(.relayed(receivers: 1), to: hub).missing.isEmpty)
        #expect(self.receipt(.relayed(receivers: 2), to: hub).missing == ["other"])
        #expect(self.receipt(.degraded(here: true), to: hub).missing == ["other"])
    }

    @Test func `Of a group, the others are missing only when the broker reached more than have answered`() throws {
        let group = HubAudience.group(try #require(AudienceName("g")))
        #expect(self.receipt(.relayed(receivers: 2), to: group).missing == ["other"])
        #expect(self.receipt(.relayed(receivers: 1), to: group).missing.isEmpty)
        #expect(self.receipt(.degraded(here: true), to: group).missing == ["other"])
    }

    @Test func `The position is the broker's, as an epoch and a number`() {
        let position = Position(epoch: 1_796_028_818_529, number: 14_299_432_091_650)
        #expect(self.receipt(.relayed(receivers: 1, at: position), to: .all).position == "1796028818529-14299432091650")
        #expect(self.receipt(.relayed(receivers: 1), to: .all).position == nil)
        #expect(self.receipt(.degraded(here: true), to: .all).position == nil)
    }

    @Test func `A node that the presence store has lost, and that is awaited back, is missing, too`() throws {
        self.directory.awaitReregistration()
        self.directory.update([Self.status(self.own)])
        let group = HubAudience.group(try #require(AudienceName("g")))
        for audience in [HubAudience.all, group] {
            #expect(self.receipt(.degraded(here: true), to: audience).missing == ["other"])
        }
        #expect(self.receipt(.relayed(receivers: 1), to: .all).missing == ["other"])
        self.directory.endReregistrationWait()
        #expect(self.receipt(.relayed(receivers: 1), to: .all).missing.isEmpty)
    }
}
