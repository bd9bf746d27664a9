import Testing
import VolaryProtocol

@testable import VolaryBackplane

/// The search for sessions without owner.
struct SessionSweepTests {
    private func session(_ number: Int) -> FoundSession {
        FoundSession(
            id: ConnectionID("0000000000000000\(String(number + 0x1000_0000, radix: 16))00000001")!,
            fence: Fence(Position(epoch: 1, number: UInt64(number))),
            owner: NodeID(rawValue: 1)
        )
    }

    @Test func `A session is taken when its owner was missing for the whole of the grace time`() {
        var sweep = SessionSweep()
        let sessions = (1...3).map { self.session($0) }
        func look(_ now: Int64, missing: Set<ConnectionID>) -> [ConnectionID] {
            let begins = [sweep.begin(), sweep.begin()]
            #expect(begins == [true, false])
            let section = FoundSessions(sessions: sessions, next: nil)
            return sweep.looked(at: section, now: now, grace: 1000) { !missing.contains($0.id) }.map(\.connection)
        }
        #expect(look(0, missing: [sessions[0].id, sessions[1].id]).isEmpty)
        #expect(look(999, missing: [sessions[0].id]).isEmpty)
        #expect(look(1000, missing: [sessions[0].id, sessions[1].id]) == [sessions[0].id])
        #expect(look(1999, missing: [sessions[1].id]).isEmpty)
        #expect(look(2000, missing: [sessions[1].id]) == [sessions[1].id])
    }

    @Test func `A store that does not answer takes nothing from anybody`() {
        var sweep = SessionSweep()
        _ = sweep.begin()
        let taken = sweep.looked(at: nil, now: 0, grace: 0) { _ in false }
        let begins = sweep.begin()
        #expect(taken.isEmpty && begins)
    }

    @Test func `Sessions are looked at by sections, and then from the beginning`() {
        var sweep = SessionSweep()
        for next in [self.session(500).id, nil] {
            _ = sweep.begin()
            let section = FoundSessions(sessions: [self.session(1)], next: next)
            _ = sweep.looked(at: section, now: 0, grace: 1000) { _ in true }
            #expect(sweep.cursor == next)
        }
    }
}
