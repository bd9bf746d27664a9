import Testing
import VolaryProtocol

@testable import VolaryBackplane

struct HeldLeaseTests {
    private static func lease(hubs: Int) throws -> (HeldLease, [HubName]) {
        var lease = HeldLease(number: 1, milliseconds: 5000)
        let names = try (0..<hubs).map { try #require(HubName("hub\($0)")) }
        for name in names { lease.wrote("3/3/0", to: name) }
        return (lease, names)
    }

    @Test(arguments: [0, 1, 16, 17, 10_000]) func `A hundred renewals check every hub, few of them each time`(hubs: Int) throws {
        var (lease, names) = try Self.lease(hubs: hubs)
        #expect(lease.connections == 3 * hubs)
        var seen: Set<HubName> = []
        for _ in 0..<100 {
            let checks = lease.nextChecks()
            #expect(checks.count <= max(16, hubs / 100))
            seen.formUnion(checks)
        }
        #expect(seen == Set(names))
    }

    @Test func `A hub that the node has left is not checked`() throws {
        var (lease, names) = try Self.lease(hubs: 40)
        _ = lease.nextChecks()
        for name in names.dropFirst() { lease.left(name) }
        #expect((0..<5).reduce(into: Set()) { seen, _ in seen.formUnion(lease.nextChecks()) } == [names[0]])
        #expect(lease.connections == 3)
    }

    @Test func `While a write is unanswered the contents are unknown, and the count stays`() throws {
        var (lease, names) = try Self.lease(hubs: 1)
        lease.writes(to: names[0])
        #expect(lease.hubs[names[0]]?.contents == nil && lease.connections == 3)
        lease.wrote("4/4/2", to: names[0])
        #expect(lease.hubs[names[0]]?.contents == "4/4/2" && lease.connections == 4)
    }
}
