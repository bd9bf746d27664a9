import NIOCore
import Testing

@testable import Backplane

struct RedisLinkStateMachineTests {
    private let now = NIODeadline.uptimeNanoseconds(1_000_000_000_000)

    @Test func aLinkGoesUpAndComesBack() {
        var machine = RedisLink.StateMachine()
        #expect(machine.started() == true)
        #expect(machine.started() == false)
        #expect(machine.lost(reason: "refused", at: self.now) == .pause(attempt: 0, wasReady: false, reasonIsNew: true))
        #expect(machine.pauseEnded() == true)
        #expect(machine.lost(reason: "refused", at: self.now) == .pause(attempt: 1, wasReady: false, reasonIsNew: false))
        #expect(machine.pauseEnded() == true)
        #expect(machine.connected() == .shakeHands)
        #expect(machine.handshakeSucceeded(at: self.now) == true)
        #expect(machine.isReady)
        let later = self.now + RedisLink.StateMachine.stableAfter
        #expect(machine.lost(reason: "refused", at: later) == .pause(attempt: 0, wasReady: true, reasonIsNew: true))
    }

    @Test func whatIsDroppedAtOnceIsNotDialledWithoutAPause() {
        var machine = RedisLink.StateMachine()
        _ = machine.started()
        for attempt in 0..<3 {
            _ = machine.connected()
            #expect(machine.handshakeSucceeded(at: self.now) == true)
            #expect(
                machine.lost(reason: "no", at: self.now + .seconds(1))
                    == .pause(attempt: attempt, wasReady: true, reasonIsNew: true)
            )
            #expect(machine.pauseEnded() == true)
        }
    }

    @Test func nothingWakesAStoppedLink() {
        var machine = RedisLink.StateMachine()
        _ = machine.started()
        machine.stop()
        #expect(machine.connected() == .close)
        #expect(machine.lost(reason: "x", at: self.now) == .none)
        #expect(machine.pauseEnded() == false)
        #expect(machine.started() == false)
    }
}
