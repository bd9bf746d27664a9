import NIOCore
import Testing
import VolaryProtocol

@testable import VolaryBackplane

/// One topic followed by one node, step by step.
struct TopicLogStateMachineTests {
    private typealias Follower = TopicLogFollower

    @Test func `What was published before the subscription is no news`() {
        var node = Follower()
        node.miss(3)
        node.subscribe()
        #expect(node.machine.request == .head && !node.machine.isFollowing)
        node.answerAll()
        #expect(node.machine.isFollowing && node.machine.request == nil)
        node.hear(2)
        #expect(node.texts == [4, 5])
        #expect(node.output.lost == 0 && node.output.gaps == 0 && node.output.recovered == 0)
    }

    @Test func `What arrives before the place is known is handed on once`() {
        var node = Follower()
        node.miss(1)
        node.subscribe()
        // Both published after the subscription; the log is looked at after the first, or after the second.
        node.hear()
        let late = node.publish()
        node.answerAll()
        node.machine.received(late, into: &node.output)
        node.hear()
        #expect(node.texts == [2, 3, 4])
        #expect(node.output.gaps == 0 && node.machine.request == nil)
    }

    @Test func `A lost link costs nothing that the log holds`() {
        var node = Follower()
        node.pageEntries = 3
        node.relink()
        node.hear(2)
        node.unlink()
        node.miss(10)
        node.subscribe()
        node.hear(2)
        #expect(node.texts == [1, 2])
        node.answerAll()
        node.hear()
        #expect(node.texts == Array(1...15))
        #expect(node.output.recovered == 12)
        #expect(node.output.lost == 0 && node.output.gaps == 0)
    }

    @Test func `A log that began while the link was down is read from its start`() {
        var node = Follower()
        node.relink()
        node.unlink()
        node.miss(4)
        node.relink()
        #expect(node.texts == [1, 2, 3, 4])
        #expect(node.output.lost == 0 && node.output.gaps == 0)
    }

    @Test func `What the log has forgotten is counted`() {
        var node = Follower()
        node.relink()
        node.hear(5)
        node.unlink()
        node.miss(10)
        node.model.trim(to: 4)
        node.relink()
        #expect(node.texts == Array(1...5) + Array(12...15))
        #expect(node.output.lost == 6 && node.output.gaps == 0)
        node.unlink()
        node.miss(3)
        node.model.trim(to: 0)
        node.relink()
        node.hear()
        #expect(node.texts.last == 19 && node.output.lost == 9 && node.output.gaps == 0)
    }

    @Test func `A gap on a live link is filled before what follows`() {
        var node = Follower()
        node.relink()
        node.hear(2)
        node.miss(2)
        node.hear(2)
        #expect(node.texts == [1, 2] && !node.machine.isFollowing)
        node.answerAll()
        #expect(node.texts == Array(1...6) && node.output.recovered == 4)
    }

    @Test func `A gap that the log cannot fill does not stall`() {
        var node = Follower()
        node.relink()
        node.hear(2)
        node.miss(2)
        node.hear(2)
        node.model.removeAll()
        node.answerAll()
        #expect(node.texts == [1, 2, 5, 6])
        #expect(node.output.lost == 2 && node.output.gaps == 0)
        node.hear(2)
        #expect(node.texts == [1, 2, 5, 6, 7, 8] && node.output.gaps == 0)
    }

    @Test func `More than may be held back is read from the log`() {
        var node = Follower(limits: .init(heldMessages: 3))
        node.relink()
        node.hear()
        node.unlink()
        node.miss(2)
        node.subscribe()
        node.hear(10)
        #expect(node.machine.heldMessages <= 3)
        node.answerAll()
        node.hear()
        #expect(node.texts == Array(1...14) && node.output.lost == 0 && node.output.gaps == 0)
    }

    @Test func `A message logged twice is handed on once`() {
        var node = Follower()
        node.relink()
        node.hear(2)
        let again = node.model.publish(.init(origin: Follower.other, sequence: 2))
        node.machine.received(again, into: &node.output)
        node.hear()
        #expect(node.texts == [1, 2, 3] && node.output.gaps == 0)
    }

    @Test func `A log that begins anew on a live link costs nothing`() {
        var node = Follower()
        node.relink()
        node.hear(2)
        node.model.removeAll()
        node.hear(2)
        #expect(node.texts == [1, 2, 3, 4])
        #expect(node.output.gaps == 0 && node.machine.request == nil)
    }

    @Test func `A log that began anew meanwhile may have lost its end`() {
        var node = Follower()
        node.relink()
        node.hear(2)
        node.unlink()
        node.miss(1)
        node.model.removeAll()
        node.miss(2)
        node.relink()
        #expect(node.texts == [1, 2, 4, 5])
        #expect(node.output.gaps == 1 && node.output.lost == 0)
    }

    @Test(arguments: [false, true], [false, true])
    func `A missing log is a loss only when Redis lost its data`(hadMessages: Bool, isInDoubt: Bool) {
        var node = Follower()
        node.relink()
        if hadMessages { node.hear() }
        node.unlink()
        node.model.removeAll()
        node.subscribe()
        if isInDoubt { node.machine.storeBecameUnverified() }
        node.answerAll()
        #expect(node.output.gaps == (isInDoubt ? 1 : 0))
        node.hear(2)
        #expect(node.texts.count == (hadMessages ? 3 : 2) && node.output.lost == 0)
        #expect(node.output.gaps == (isInDoubt ? 1 : 0))
    }

    @Test func `Doubt on a live link is none`() {
        var node = Follower()
        node.relink()
        node.machine.storeBecameUnverified()
        node.unlink()
        node.relink()
        #expect(node.output.gaps == 0)
    }

    /// The node heard at a master that was replaced what nobody else did, and comes to the new one after the others.
    @Test func `Without room in Redis a live link loses nothing and another learns of it`() {
        var live = Follower()
        live.relink()
        live.hear(2)
        var away = live
        away.unlink()
        for _ in 0..<2 {
            live.machine.received(live.publishUnlogged(), into: &live.output)
            _ = away.publishUnlogged()
        }
        live.hear(2)
        away.miss(2)
        away.relink()
        #expect(live.texts == Array(1...6) && live.output.gaps == 0)
        #expect(away.texts == [1, 2, 5, 6] && away.output.gaps == 1)
    }

    @Test func `An unreadable entry is passed over`() {
        var node = Follower()
        node.relink()
        node.hear()
        node.unlink()
        node.miss(1)
        node.subscribe()
        guard let head = node.model.head else { return }
        let page = LogPage(
            head: .init(epoch: head.epoch, offset: 3, start: 0),
            entries: [
                .init(offset: 2, bytes: .init(string: "rubbish")),
                .init(offset: 3, bytes: Envelope(origin: Follower.other, sequence: 9, message: .receipts([])).encoded()),
            ]
        )
        node.machine.read(page, into: &node.output)
        #expect(node.texts == [1, 9] && node.output.undecodable == 1)
        #expect(node.output.decodingError == .notAnEnvelope && node.machine.isFollowing)
    }

    @Test func `An answer that nobody waits for changes nothing`() {
        var node = Follower()
        node.relink()
        node.hear(2)
        node.machine.read(LogPage(head: .init(epoch: 1, offset: 900, start: 0)), into: &node.output)
        node.unlink()
        node.machine.read(LogPage(head: nil), into: &node.output)
        node.relink()
        node.hear()
        #expect(node.texts == [1, 2, 3] && node.output.lost == 0 && node.output.gaps == 0)
    }
}
