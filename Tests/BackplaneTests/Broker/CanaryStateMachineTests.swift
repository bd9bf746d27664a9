import NIOCore
import Testing

@testable import VolaryBackplane

/// When a canary goes out, and when it is given up.
@Suite
struct CanaryStateMachineTests {
    private let step = TimeAmount.milliseconds(125)

    /// The first one is under way.
    private func flying() -> CanaryStateMachine {
        var canary = CanaryStateMachine(interval: .seconds(2))
        #expect(canary.linked() == .listen)
        #expect(canary.subscribed() == .send(1))
        return canary
    }

    /// - Returns: the first action that is not none, and how many steps it took.
    private func next(_ canary: inout CanaryStateMachine, hearing: Bool = false) -> (CanaryStateMachine.Action, steps: Int) {
        for steps in 1...1000 {
            if hearing { canary.otherMessageReceived() }
            let action = canary.tick(elapsed: self.step)
            if action != .none { return (action, steps) }
        }
        return (.none, 1000)
    }

    @Test
    func `One that comes back proves the path, and is followed by another half an interval after it went out`() {
        var canary = self.flying()
        #expect(!canary.isProven)
        let wasWaitedFor = canary.received(1)
        #expect(wasWaitedFor && canary.isProven)
        #expect(self.next(&canary) == (.send(2), 8))
    }

    @Test
    func `One that does not come back is overdue after an interval: one and a half after the path died, at most`() {
        var canary = self.flying()
        #expect(self.next(&canary) == (.overdue, 16))
        #expect(!canary.isProven)
        #expect(self.next(&canary).0 == .none)
    }

    @Test
    func `While others' messages come, it has four intervals`() {
        var canary = self.flying()
        #expect(self.next(&canary, hearing: true) == (.overdue, 64))
    }

    @Test
    func `The time in which the loop stood still counts for two steps`() {
        var canary = self.flying()
        #expect(canary.tick(elapsed: .hours(1)) == .none)
        #expect(self.next(&canary) == (.overdue, 14))
    }

    @Test
    func `Without both links nothing is sent, and nothing is proven`() {
        var canary = CanaryStateMachine(interval: .seconds(2))
        #expect(self.next(&canary).0 == .none)
        canary = self.flying()
        _ = canary.received(1)
        canary.unlinked()
        #expect(!canary.isProven)
        #expect(self.next(&canary).0 == .none)
        #expect(canary.subscribed() == .none)
    }

    @Test
    func `An earlier one, or one that nobody sent, is not taken for the one under way`() {
        var canary = self.flying()
        let isForeign = canary.received(0) || canary.received(2)
        #expect(!isForeign && !canary.isProven)
        #expect(self.next(&canary) == (.overdue, 16))
    }

    @Test
    func `A refusal is no silence: the next one goes out in time, and proves what the refused one could not`() {
        var canary = self.flying()
        _ = canary.received(1)
        _ = self.next(&canary)
        canary.wasRefused()
        #expect(!canary.isProven)
        #expect(self.next(&canary) == (.send(3), 8))
        let cameBack = canary.received(3)
        #expect(cameBack && canary.isProven)
    }
}
