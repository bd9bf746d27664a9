import NIOCore
import Testing
import VolaryProtocol

@testable import VolaryBackplane

/// Topics of a hub that catch up after a lost link.
struct HubReplayTests {
    private static let topics: Set<Topic> = [.all, .group("blue")]
    private let start = NIODeadline.uptimeNanoseconds(0) + .hours(1)

    private static func envelope(_ number: UInt64, hasPosition: Bool = true) -> Envelope {
        var envelope = Envelope(origin: NodeID(rawValue: 7), sequence: number, message: .receipts([]))
        if hasPosition { envelope.position = Position(epoch: 1, number: number) }
        return envelope
    }

    /// Whose topics are subscribed to again; the hub is at `end`.
    private func confirmed(end: UInt64?) -> HubReplays {
        var replays = HubReplays()
        for topic in Self.topics { replays.settled(topic, isBehind: true, at: self.start) }
        replays.unlinked(.default, Self.topics, at: self.start)
        for topic in Self.topics { replays.update(.default) { $0.confirmed(topic, at: self.start) } }
        if let end { replays.update(.default) { $0.ended(at: Position(epoch: 1, number: end), at: self.start) } }
        return replays
    }

    /// A topic that has read these messages, and follows.
    private func read(_ numbers: [UInt64], _ topic: Topic, _ replays: inout HubReplays) {
        for number in numbers { #expect(replays.pass(Self.envelope(number), of: topic) == nil) }
        replays.settled(topic, isBehind: false, at: self.start)
    }

    private func end(_ replays: inout HubReplays, canRead: Bool = true, after time: TimeAmount = .zero) -> [Envelope]? {
        replays.end(.default, canRead: canRead, at: self.start + time)
    }

    @Test func `The hub's position is read after the last confirmation, and logs after it`() throws {
        var replays = HubReplays()
        replays.unlinked(.default, Self.topics, at: self.start)
        func state() -> [Bool] { replays[.default].map { [$0.needsEnd, $0.mayRead, replays.mayRead(.all)] } ?? [] }
        #expect(state() == [false, false, false])
        replays.update(.default) { $0.confirmed(.all, at: self.start) }
        #expect(state() == [false, false, false])
        replays.update(.default) { $0.confirmed(.group("blue"), at: self.start) }
        #expect(state() == [true, false, false])
        let attempt = replays[.default]?.attempt
        replays.update(.default) { $0.ended(at: Position(epoch: 1, number: 5), at: self.start) }
        #expect(state() == [false, true, true])
        replays.unlinked(.default, Self.topics, at: self.start)
        #expect(state() == [false, false, false] && replays[.default]?.attempt != attempt)
    }

    @Test func `A topic alone in its hub waits for nothing, and its messages keep their positions`() {
        var replays = HubReplays()
        replays.settled(.all, isBehind: true, at: self.start)
        replays.unlinked(.default, [.all], at: self.start)
        #expect(replays.isActive && replays.isEmpty && replays.mayRead(.all))
        #expect(replays.pass(Self.envelope(1), of: .all) == Self.envelope(1))
        replays.settled(.all, isBehind: false, at: self.start)
        #expect(!replays.isActive)
    }

    @Test func `Messages of all topics are merged by position when the last topic has read its log`() {
        var replays = self.confirmed(end: 5)
        self.read([1, 4], .all, &replays)
        #expect(self.end(&replays) == nil && replays.isHolding)
        self.read([2, 3, 5], .group("blue"), &replays)
        #expect(self.end(&replays) == [1, 2, 3, 4, 5].map { Self.envelope($0) })
        #expect(!replays.isActive && replays.heldBytes == 0)
    }

    /// Message 6 of one topic is in the log that was read; message 5 of another topic is still under way.
    @Test func `What was read above the hub's position waits until the subscription has brought it`() {
        var replays = self.confirmed(end: 4)
        self.read([2], .group("blue"), &replays)
        self.read([1, 6], .all, &replays)
        #expect(self.end(&replays) == nil)
        replays.update(.default) { $0.heard(Position(epoch: 1, number: 5)) }
        #expect(replays.pass(Self.envelope(5), of: .group("blue")) == nil)
        #expect(self.end(&replays) == nil)
        replays.update(.default) { $0.heard(Position(epoch: 1, number: 6)) }
        #expect(self.end(&replays)?.map(\.sequence) == [1, 2, 5, 6])
    }

    @Test func `A message without a position stays behind the one before it`() {
        var replays = self.confirmed(end: 3)
        self.read([3], .all, &replays)
        #expect(replays.pass(Self.envelope(9, hasPosition: false), of: .all) == nil)
        self.read([1], .group("blue"), &replays)
        #expect(self.end(&replays)?.map(\.sequence) == [1, 3, 9])
    }

    @Test func `After two seconds without progress what is held is delivered, without positions until all topics follow`() {
        var replays = self.confirmed(end: 3)
        self.read([1, 3], .all, &replays)
        #expect(self.end(&replays, after: .milliseconds(1999)) == nil)
        #expect(self.end(&replays, after: .seconds(2)) == [1, 3].map { Self.envelope($0, hasPosition: false) })
        #expect(replays.isEmpty && replays.isActive)
        #expect(replays.pass(Self.envelope(4), of: .all) == Self.envelope(4, hasPosition: false))
        // Nothing that comes before it can follow.
        #expect(replays.pass(Self.envelope(2), of: .group("blue")) == Self.envelope(2))
        replays.settled(.group("blue"), isBehind: false, at: self.start)
        #expect(!replays.isActive)
    }

    @Test func `While logs cannot be read and nothing is held there is time`() {
        var replays = self.confirmed(end: nil)
        #expect(self.end(&replays, canRead: false, after: .minutes(1)) == nil)
        #expect(replays.pass(Self.envelope(4), of: .all) == nil)
        #expect(self.end(&replays, canRead: false, after: .minutes(1)) == [Self.envelope(4, hasPosition: false)])
        var other = self.confirmed(end: nil)
        #expect(self.end(&other, canRead: true, after: .minutes(1)) == [])
    }

    @Test func `It ends with too many bytes, and without the topic that was missing`() {
        var replays = self.confirmed(end: 3)
        self.read([1], .all, &replays)
        var large = replays
        while large.heldBytes <= HubReplay.maximumBytes { _ = large.pass(Self.envelope(2), of: .all) }
        #expect(self.end(&large)?.count ?? 0 > 1 && !large.isHolding)
        replays.forget(.group("blue"), at: self.start)
        #expect(self.end(&replays) == [Self.envelope(1)] && !replays.isActive)
    }
}
