import Testing
import VolaryProtocol

@testable import VolaryBackplane

struct SubscriptionsTests {
    private let topic = Topic.node(NodeID(rawValue: 1))

    @Test func `Wanted before the link is subscribed with it`() {
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

    @Test func `A change of mind is confirmed by the last word only`() {
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

    @Test func `A lost link leaves only wishes`() {
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
