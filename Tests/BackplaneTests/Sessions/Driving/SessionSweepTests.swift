import NIOCore
import Testing
import VolaryProtocol

@testable import VolaryBackplane

/// The search for sessions without owner.
struct SessionSweepTests {
    private func record(_ number: Int) -> SessionRecord {
        SessionRecord(
            id: ConnectionID("0000000000000000\(String(number + 0x1000_0000, radix: 16))00000001")!,
            user: nil,
            protocol: "test",
            tokenHash: [],
            window: .seconds(60),
            announcesEnd: false,
            status: .attached(NodeID(rawValue: 1)),
            fence: Fence(Position(epoch: 1, number: UInt64(number))),
            epoch: 1,
            checkpoint: Checkpoint(number: 0, delivered: 0),
            memberships: MembershipHistory(),
            permissions: [],
            state: .init()
        )
    }

    @Test func `A session is taken when its owner was missing for the whole of the grace time`() {
        var sweep = SessionSweep()
        let records = (1...3).map(self.record)
        func look(_ now: Int64, missing: Set<ConnectionID>) -> [ConnectionID] {
            let begins = [sweep.begin(), sweep.begin()]
            #expect(begins == [true, false])
            return sweep.looked(at: records, now: now, grace: 1000) { !missing.contains($0.id) }.map(\.connection)
        }
        #expect(look(0, missing: [records[0].id, records[1].id]).isEmpty)
        #expect(look(999, missing: [records[0].id]).isEmpty)
        #expect(look(1000, missing: [records[0].id, records[1].id]) == [records[0].id])
        #expect(look(1999, missing: [records[1].id]).isEmpty)
        #expect(look(2000, missing: [records[1].id]) == [records[1].id])
    }

    @Test func `A store that does not answer takes nothing from anybody`() {
        var sweep = SessionSweep()
        _ = sweep.begin()
        let taken = sweep.looked(at: nil, now: 0, grace: 0) { _ in false }
        let begins = sweep.begin()
        #expect(taken.isEmpty && begins)
    }

    @Test func `Sessions are looked at by pages, and then from the beginning`() {
        var sweep = SessionSweep()
        let records = (0..<SessionSweep.pageSize).map(self.record)
        _ = sweep.begin()
        _ = sweep.looked(at: records, now: 0, grace: 1000) { _ in true }
        #expect(sweep.cursor == records.last?.id)
        _ = sweep.begin()
        _ = sweep.looked(at: [], now: 0, grace: 1000) { _ in true }
        #expect(sweep.cursor == nil)
    }
}
