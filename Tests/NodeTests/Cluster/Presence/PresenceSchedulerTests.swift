import Testing

@testable import VolaryNode

/// Whose turn it is with the presence store.
@Suite
struct PresenceSchedulerTests {
    private var scheduler = PresenceScheduler()

    private mutating func next(_ count: Int, isRegistered: Bool = true, hasChanges: Bool = false) -> [PresenceScheduler.Call?] {
        (0..<count).map { _ in self.scheduler.next(isRegistered: isRegistered, hasChanges: hasChanges) }
    }

    @Test mutating func `Without a lease nothing else has a point`() {
        #expect(self.next(2, isRegistered: false, hasChanges: true) == [.changes, .changes])
    }

    @Test mutating func `A beat renews, removes the dead and looks who is there, once`() {
        for _ in 0..<2 {
            #expect(self.next(4) == [.renew, .reap, .nodes, nil])
            self.scheduler.heartbeat()
        }
    }

    @Test mutating func `A record that has changed is told before anything else, and the others are not looked at for it`() {
        _ = self.next(4)
        self.scheduler.renew()
        #expect(self.next(3, hasChanges: true) == [.renew, .changes, .changes])
        self.scheduler.renew()
        #expect(self.next(2) == [.renew, nil])
    }

    @Test mutating func `Changes alternate with the poll of the other nodes`() {
        #expect(self.next(6, hasChanges: true) == [.renew, .changes, .reap, .changes, .nodes, .changes])
    }

    @Test mutating func `Where one call takes as long as a beat, the lease has every second turn, and the others share the rest`()
    {
        var seen: [PresenceScheduler.Call?] = []
        for _ in 0..<12 {
            self.scheduler.heartbeat()
            seen += self.next(1, hasChanges: true)
        }
        let round: [PresenceScheduler.Call?] = [.renew, .changes, .renew, .reap, .renew, .changes, .renew, .nodes]
        #expect(seen == round + round.prefix(4))
    }

    @Test mutating func `Without changes too`() {
        var seen: [PresenceScheduler.Call?] = []
        for _ in 0..<4 {
            self.scheduler.heartbeat()
            seen += self.next(1)
        }
        #expect(seen == [.renew, .reap, .renew, .nodes])
    }
}
