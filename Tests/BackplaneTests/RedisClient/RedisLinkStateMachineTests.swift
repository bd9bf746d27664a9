import NIOCore
import Testing

@testable import VolaryBackplane

struct RedisLinkStateMachineTests {
    private let now = NIODeadline.uptimeNanoseconds(1_000_000_000_000)

    @Test func `A link goes up and comes back`() {
        var machine = RedisLink.StateMachine()
        #expect(machine.started() == true)
        #expect(machine.started() == false)
        #expect(machine.lost(reason: "refused", at: self.now) == .pause(attempt: 0, wasReady: false, reasonIsNew: true))
        #expect(machine.pauseEnded() == true)
        #expect(machine.lost(reason: "refused", at: self.now) == .pause(attempt: 1, wasReady: false, reasonIsNew: false))
        #expect(machine.pauseEnded() == true)
        #expect(machine.connected(at: self.now) == true)
        #expect(machine.isReady)
        let later = self.now + RedisLink.StateMachine.stableAfter
        #expect(machine.lost(reason: "refused", at: later) == .pause(attempt: 0, wasReady: true, reasonIsNew: true))
    }

    @Test func `What is dropped at once is not dialled without a pause`() {
        var machine = RedisLink.StateMachine()
        _ = machine.started()
        for attempt in 0..<3 {
            #expect(machine.connected(at: self.now) == true)
            #expect(
                machine.lost(reason: "no", at: self.now + .seconds(1))
                    == .pause(attempt: attempt, wasReady: true, reasonIsNew: true)
            )
            #expect(machine.pauseEnded() == true)
        }
    }

    @Test func `A moved master ends pauses and connections to the old one`() {
        var machine = RedisLink.StateMachine()
        #expect(machine.moved(isElsewhere: true) == .none)
        _ = machine.started()
        #expect(machine.moved(isElsewhere: true) == .connect)
        for _ in 0..<5 {
            _ = machine.lost(reason: "refused", at: self.now)
            _ = machine.pauseEnded()
        }
        _ = machine.lost(reason: "refused", at: self.now)
        #expect(machine.moved(isElsewhere: true) == .connect)
        #expect(machine.pauseEnded() == false)
        #expect(machine.connected(at: self.now) == true)
        #expect(machine.moved(isElsewhere: false) == .none)
        #expect(machine.moved(isElsewhere: true) == .reconnect)
        // What failed with the old one is forgotten: the first pause is a first one.
        #expect(machine.lost(reason: "moved", at: self.now) == .pause(attempt: 0, wasReady: true, reasonIsNew: true))
    }

    @Test func `Nothing wakes a stopped link`() {
        var machine = RedisLink.StateMachine()
        _ = machine.started()
        machine.stop()
        #expect(machine.connected(at: self.now) == false)
        #expect(machine.moved(isElsewhere: true) == .none)
        #expect(machine.lost(reason: "x", at: self.now) == .none)
        #expect(machine.pauseEnded() == false)
        #expect(machine.started() == false)
    }
}
