import Testing

@testable import VolaryNode

/// Whose turn it is with the presence store.
@Suite
struct PresenceSchedulerTests {
    private var turns = PresenceScheduler()

    private mutating func next(_ count: Int, isRegistered: Bool = true, hasChanges: Bool = false) -> [PresenceScheduler.Turn?] {
        (0..<count).map { _ in self.turns.next(isRegistered: isRegistered, hasChanges: hasChanges) }
    }

    @Test mutating func `Without a lease nothing else has a point`() {
        #expect(self.next(2, isRegistered: false, hasChanges: true) == [.changes, .changes])
    }

    @Test mutating func `A beat renews, removes the dead and looks who is there, once`() {
        for _ in 0..<2 {
            #expect(self.next(4) == [.renewal, .reaping, .nodes, nil])
            self.turns.beat()
        }
    }

    @Test mutating func `A record that has changed is told before anything else, and the others are not looked at for it`() {
        _ = self.next(4)
        self.turns.renew()
        #expect(self.next(3, hasChanges: true) == [.renewal, .changes, .changes])
        self.turns.renew()
        #expect(self.next(2) == [.renewal, nil])
    }

    @Test mutating func `Changes and the look at the others take turns`() {
        #expect(self.next(6, hasChanges: true) == [.renewal, .changes, .reaping, .changes, .nodes, .changes])
    }

    @Test mutating func `Where one call takes as long as a beat, the lease has every second turn, and the others share the rest`()
    {
        var seen: [PresenceScheduler.Turn?] = []
        for _ in 0..<12 {
            self.turns.beat()
            seen += self.next(1, hasChanges: true)
        }
        let round: [PresenceScheduler.Turn?] = [.renewal, .changes, .renewal, .reaping, .renewal, .changes, .renewal, .nodes]
        #expect(seen == round + round.prefix(4))
    }

    @Test mutating func `Without changes too`() {
        var seen: [PresenceScheduler.Turn?] = []
        for _ in 0..<4 {
            self.turns.beat()
            seen += self.next(1)
        }
        #expect(seen == [.renewal, .reaping, .renewal, .nodes])
    }
}
