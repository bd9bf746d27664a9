import Protocol
import Testing

@testable import Backplane

struct SubscriptionsTests {
    private let topic = Topic.node(NodeID(rawValue: 1))

    @Test func wantedBeforeTheLinkIsSubscribedWithIt() {
        var machine = SubscriptionsStateMachine()
        #expect(machine.want(.all) == .wait)
        #expect(machine.want(self.topic) == .wait)
        #expect(machine.unwant(self.topic) == false)
        #expect(machine.linked() == [.all])
        #expect(!machine.isConfirmed(.all))
        #expect(machine.acknowledged(.all) == .confirmed)
        #expect(machine.isLinked && machine.isConfirmed(.all))
        #expect(machine.want(.all) == .none)
    }

    @Test func aChangeOfMindIsConfirmedByTheLastWordOnly() {
        var machine = SubscriptionsStateMachine()
        _ = machine.linked()
        #expect(machine.want(self.topic) == .subscribe)
        #expect(machine.unwant(self.topic) == true)
        #expect(machine.want(self.topic) == .subscribe)
        #expect(machine.acknowledged(self.topic) == .none)
        #expect(machine.acknowledged(self.topic) == .none)
        #expect(!machine.isConfirmed(self.topic))
        #expect(machine.acknowledged(self.topic) == .confirmed)
        #expect(machine.isConfirmed(self.topic))
        #expect(machine.acknowledged(self.topic) == .violation)
    }

    @Test func aLostLinkLeavesOnlyWishes() {
        var machine = SubscriptionsStateMachine()
        _ = machine.want(.all)
        _ = machine.linked()
        _ = machine.acknowledged(.all)
        _ = machine.want(self.topic)
        #expect(machine.unwant(self.topic) == true)
        machine.unlinked()
        #expect(!machine.isConfirmed(.all) && !machine.isLinked)
        #expect(machine.linked() == [.all])
        #expect(machine.acknowledged(self.topic) == .violation)
        #expect(machine.acknowledged(.all) == .confirmed)
    }
}
