import Testing
import VolaryProtocol

@testable import VolaryBackplane

/// The search for sessions without owner.
struct SessionSweepTests {
    private let own = NodeID(rawValue: 1)
    private let other = NodeID(rawValue: 2)

    private func session(_ number: Int, of owner: NodeID? = NodeID(rawValue: 1)) -> FoundSession {
        FoundSession(
            id: ConnectionID("0000000000000000\(String(number + 0x1000_0000, radix: 16))00000001")!,
            fence: Fence(Position(epoch: 1, number: UInt64(number))),
            owner: owner
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

    @Test func `An owner that was seen once is dead after the grace time, wherever the search is`() {
        var sweep = SessionSweep()
        func dead(_ now: Int64, live: Set<NodeID>) -> [NodeID] {
            sweep.deadOwners(now: now, grace: 1000) { live.contains($0) }
        }
        #expect(dead(0, live: []).isEmpty)
        for (next, owner) in [(nil, other), (self.session(9).id, own)] as [(ConnectionID?, NodeID)] {
            let section = FoundSessions(sessions: [self.session(1, of: owner), self.session(2, of: nil)], next: next)
            _ = sweep.looked(at: section, now: 0, grace: 1000) { _ in true }
        }
        #expect(dead(0, live: [own, other]).isEmpty)
        #expect(dead(1000, live: [own]).isEmpty)
        // Back in between.
        #expect(dead(1999, live: [own, other]).isEmpty)
        #expect(dead(2000, live: [own]).isEmpty)
        #expect(dead(2999, live: [own]).isEmpty)
        #expect(dead(3000, live: [own]) == [other])
        sweep.owners.remove(other)
        #expect(dead(9000, live: [own]).isEmpty)
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
