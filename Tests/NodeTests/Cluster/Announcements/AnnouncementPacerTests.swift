import Testing
import VolaryProtocol

@testable import VolaryNode

/// Joins and leaves, told at a bounded rate.
@Suite
struct AnnouncementPacerTests {
    private let id = ConnectionID("a1b2c3d400000000000000000a0b0c0d")!

    @Test func `Below the limit each is told at once, and the first starts a second`() {
        var pacer = AnnouncementPacer(limit: 3)
        #expect(pacer.record(.joined(self.id)) == .announceAndStartSecond("Client a1b2c3d4 joined."))
        #expect(pacer.record(.left(self.id)) == .announce("Client a1b2c3d4 left."))
        #expect(pacer.record(.joined(self.id)) == .announce("Client a1b2c3d4 joined."))
        #expect(pacer.secondEnded() == nil)
    }

    @Test func `Above the limit they are counted, and told in one sentence when the second is over`() {
        var pacer = AnnouncementPacer(limit: 1)
        #expect(pacer.record(.joined(self.id)) == .announceAndStartSecond("Client a1b2c3d4 joined."))
        for _ in 0..<37 { #expect(pacer.record(.joined(self.id)) == .none) }
        for _ in 0..<12 { #expect(pacer.record(.left(self.id)) == .none) }
        #expect(pacer.secondEnded() == "37 clients joined, 12 left.")
    }

    @Test(arguments: [
        (1, 0, "1 client joined."), (2, 0, "2 clients joined."), (0, 1, "1 client left."), (0, 5, "5 clients left."),
        (1, 1, "1 client joined, 1 left."), (2, 1, "2 clients joined, 1 left."),
    ])
    func `The sum is a sentence`(joined: Int, left: Int, text: String) {
        var pacer = AnnouncementPacer(limit: 0)
        for _ in 0..<joined { _ = pacer.record(.joined(self.id)) }
        for _ in 0..<left { _ = pacer.record(.left(self.id)) }
        #expect(pacer.secondEnded() == text)
    }

    @Test func `A limit of nothing counts from the first, and starts one second only`() {
        var pacer = AnnouncementPacer(limit: 0)
        #expect(pacer.record(.joined(self.id)) == .startSecond)
        #expect(pacer.record(.left(self.id)) == .none)
        #expect(pacer.secondEnded() == "1 client joined, 1 left.")
    }

    @Test func `After a sum another second runs, and the limit counts anew`() {
        var pacer = AnnouncementPacer(limit: 1)
        _ = pacer.record(.joined(self.id))
        _ = pacer.record(.joined(self.id))
        #expect(pacer.secondEnded() == "1 client joined.")
        // The second is running already: it must not be started twice.
        #expect(pacer.record(.left(self.id)) == .announce("Client a1b2c3d4 left."))
        #expect(pacer.record(.left(self.id)) == .none)
        #expect(pacer.secondEnded() == "1 client left.")
        #expect(pacer.secondEnded() == nil)
        #expect(pacer.record(.left(self.id)) == .announceAndStartSecond("Client a1b2c3d4 left."))
    }

    @Test func `A quiet second ends the counting`() {
        var pacer = AnnouncementPacer(limit: 1)
        _ = pacer.record(.joined(self.id))
        #expect(pacer.secondEnded() == nil)
        #expect(pacer.record(.joined(self.id)) == .announceAndStartSecond("Client a1b2c3d4 joined."))
    }
}
