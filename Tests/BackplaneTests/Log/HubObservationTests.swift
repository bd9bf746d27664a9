import Testing
import VolaryProtocol

@testable import VolaryBackplane

/// What a node has observed of the order of hubs, and whom it tells.
@Suite
struct HubObservationTests {
    @Test func `Another history is told once what was observed in each hub`() {
        let order = HubOrder(node: NodeID(rawValue: 1))
        let hubs = ["one", "two", "three"].map { HubName($0)! }
        order.told(history: "a")
        for hub in hubs { order.observed(Position(epoch: 1, number: 5), in: hub) }
        #expect(order.takeUnreported(10).isEmpty)
        order.linkWasLost()
        order.told(history: "a")
        #expect(order.takeUnreported(10).isEmpty, "the same data")
        order.linkWasLost()
        order.told(history: "b")
        let some = order.takeUnreported(2)
        #expect(some.count == 2)
        order.wasNotReported(some[0])
        let rest = order.takeUnreported(10)
        #expect(Set(rest + some) == Set(hubs) && rest.count == 2)
        #expect(order.takeUnreported(10).isEmpty)
    }

    @Test func `A hub in which something was published since then has been told`() {
        let order = HubOrder(node: NodeID(rawValue: 1))
        order.told(history: "a")
        let (one, two) = (HubName("one")!, HubName("two")!)
        for hub in [one, two] { order.observed(Position(epoch: 1, number: 5), in: hub) }
        order.told(history: "b")
        order.observed(Position(epoch: 2, number: 20), in: one)
        #expect(order.takeUnreported(10) == [two])
    }
}
