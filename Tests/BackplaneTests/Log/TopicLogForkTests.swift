import Testing
import VolaryProtocol

@testable import VolaryBackplane

/// One topic whose log has two histories: that of a master, and that of the replica that took its place.
struct TopicLogForkTests {
    private typealias Follower = TopicLogFollower

    private static let third = NodeID(rawValue: 8)

    @Test func `A shorter log is a fork and its epoch ends`() {
        var node = Follower()
        node.relink()
        node.hear(5)
        node.unlink()
        node.model = node.model.replica(lagging: 2)
        node.subscribe()
        let head = node.model.head
        node.answerAll()
        #expect(node.model.head?.epoch != head?.epoch && node.model.head?.offset == 3)
        #expect(node.texts == Array(1...5) && node.output.gaps == 1 && node.output.lost == 0)
        node.hear(2)
        #expect(node.texts == Array(1...7) && node.output.gaps == 1)
    }

    @Test func `Another message at the same place is a fork and all of the other history is read`() {
        var node = Follower()
        node.relink()
        node.hear(5)
        node.unlink()
        node.model = node.model.replica(lagging: 2)
        node.miss(4)
        node.relink()
        #expect(node.texts == Array(1...9) && node.output.gaps == 1)
    }

    /// Both histories have a message at each of these offsets.
    @Test(arguments: [false, true])
    func `A message whose link leads to another number belongs to another history`(isLinked: Bool) {
        var node = Follower()
        node.relink()
        node.hear(3)
        if !isLinked { node.unlink() }
        node.model = node.model.replica(lagging: 1)
        node.miss(1)
        if isLinked {
            node.machine.received(node.publish(), into: &node.output)
            #expect(node.output.gaps == 0 && node.texts == [1, 2, 3])
        } else {
            node.relink()
        }
        node.answerAll()
        #expect(node.output.gaps == 1 && node.texts == Array(1...(isLinked ? 5 : 4)))
        node.hear(2)
        #expect(node.output.gaps == 1 && node.texts == Array(1...(isLinked ? 7 : 6)))
    }

    /// The node heard, at a master that was replaced, what nobody else did, and comes to the new one after the others.
    @Test(arguments: [false, true])
    func `What the other history had before the subscription comes before what the subscription brings`(othersFoundIt: Bool) {
        var node = Follower()
        node.pageEntries = 2
        node.relink()
        node.hear(2)
        let replica = node.model
        for sequence: UInt64 in 1...3 {
            node.machine.received(node.model.publish(.init(origin: Self.third, sequence: sequence)), into: &node.output)
        }
        node.unlink()
        node.model = replica
        node.miss(2)
        node.subscribe()
        node.hear(2)
        if othersFoundIt { node.model.endEpoch(node.model.head?.epoch ?? 0) }
        node.answerAll()
        node.hear()
        #expect(node.output.envelopes.filter { $0.origin == Follower.other }.map(\.sequence) == Array(1...7))
        #expect(node.output.gaps == 1 && node.output.lost == 0)
    }

    /// What was said at both masters may stand at the same place in both logs, behind what only the new one has.
    @Test func `The same message at the same place is a fork when it was sent twice`() {
        var node = Follower()
        node.relink()
        node.hear(2)
        let replica = node.model
        for sequence: UInt64 in 1...2 {
            node.machine.received(node.model.publish(.init(origin: Self.third, sequence: sequence)), into: &node.output)
        }
        node.unlink()
        node.model = replica
        node.miss(1)
        _ = node.model.publish(.init(origin: Self.third, sequence: 2), attempt: 1)
        node.relink()
        node.hear()
        #expect(node.output.envelopes.filter { $0.origin == Follower.other }.map(\.sequence) == Array(1...4))
        #expect(node.output.gaps == 1 && node.output.lost == 0)
    }

    /// It subscribed at a master that was replaced, heard nothing there, and comes to the new one when that has said as much.
    @Test func `A fork is seen also by who has heard nothing yet`() {
        var node = Follower()
        node.miss(5)
        node.relink()
        node.unlink()
        node.model = node.model.replica(lagging: 2)
        node.miss(4)
        node.relink()
        #expect(node.output.gaps == 1, "6 and 7 stand where it has not looked: that must be said")
        node.hear(2)
        #expect(node.texts == [8, 9, 10, 11] && node.output.gaps == 1)
    }

    @Test func `An epoch that ends while it is read goes on in the next one`() {
        var node = Follower()
        node.pageEntries = 2
        node.relink()
        node.hear(2)
        node.unlink()
        node.miss(5)
        node.subscribe()
        node.hear(2)
        if let request = node.machine.request { node.answer(request) }
        node.model.endEpoch(node.model.head?.epoch ?? 0)
        node.answerAll()
        #expect(node.texts == Array(1...9) && node.output.lost == 0)
    }

    @Test func `A node that was away learns of a fork that others found`() {
        var node = Follower()
        node.relink()
        node.hear(2)
        node.unlink()
        node.miss(3)
        node.model = node.model.replica(lagging: 2)
        node.miss(2)
        node.model.endEpoch(node.model.head?.epoch ?? 0)
        node.relink()
        #expect(node.texts == [1, 2, 3, 6, 7] && node.output.gaps == 1)
    }

    @Test func `A rewind on a live link is followed and ends the epoch`() {
        var node = Follower()
        node.relink()
        node.hear(5)
        node.model = node.model.replica(lagging: 3)
        node.hear(1)
        #expect(node.texts == Array(1...6) && node.output.gaps == 1)
        #expect(node.machine.request == .endEpoch(node.model.head?.epoch ?? 0))
        node.hear(1)
        node.answerAll()
        node.hear(2)
        node.answerAll()
        #expect(node.texts == Array(1...9) && node.output.gaps == 1 && node.output.lost == 0)
    }
}
