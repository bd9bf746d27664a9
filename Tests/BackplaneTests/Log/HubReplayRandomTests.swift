import NIOCore
import TestSupport
import Testing
import VolaryProtocol

@testable import VolaryBackplane

/// A node whose link is lost again and again, with topics that read their logs at any time.
struct HubReplayRandomTests {
    /// One topic of the node: what its log has, what the node has taken, and what arrived while it reads.
    private struct Follower {
        var log: [UInt64] = []
        var taken: UInt64 = 0
        var isConfirmed = true
        var isBehind = false
        var buffer: [UInt64] = []
    }

    private struct World {
        static let topics: [Topic] = [.all] + (0..<4).map { .group(AudienceName("g\($0)" as String)!) }

        var random: SplitMix64
        var replays = HubReplays()
        var followers = [Follower](repeating: Follower(), count: World.topics.count)
        var number: UInt64 = 0
        /// What the subscription has still to bring: a confirmation, or a message.
        var link: [(topic: Int, number: UInt64?)] = []
        var end: (position: UInt64, attempt: Int)?
        var delivered: [Envelope] = []
        let now = NIODeadline.uptimeNanoseconds(1 << 50)

        static func envelope(_ number: UInt64) -> Envelope {
            var envelope = Envelope(origin: NodeID(rawValue: 7), sequence: number, message: .receipts([]))
            envelope.position = Position(epoch: 1, number: number)
            return envelope
        }

        mutating func publish() {
            let topic = Int.random(in: 0..<Self.topics.count, using: &self.random)
            self.number += 1
            self.followers[topic].log.append(self.number)
            if self.followers[topic].isConfirmed { self.link.append((topic, self.number)) }
        }

        mutating func lose() {
            self.link = []
            self.replays.unlinked(.default, Set(Self.topics), at: self.now)
            for topic in self.followers.indices {
                (self.followers[topic].isConfirmed, self.followers[topic].isBehind) = (false, true)
                self.followers[topic].buffer = []
                self.replays.settled(Self.topics[topic], isBehind: true, at: self.now)
            }
        }

        /// Redis executes the SSUBSCRIBE of a topic.
        mutating func confirm() {
            guard
                let topic = self.followers.indices.filter({ !self.followers[$0].isConfirmed }).randomElement(using: &self.random)
            else {
                return
            }
            self.followers[topic].isConfirmed = true
            self.link.append((topic, nil))
        }

        mutating func hear() {
            guard !self.link.isEmpty else { return }
            let (topic, number) = self.link.removeFirst()
            guard let number else {
                self.replays.update(.default) { $0.confirmed(Self.topics[topic], at: self.now) }
                return
            }
            self.replays.update(.default) { $0.heard(Position(epoch: 1, number: number)) }
            if self.followers[topic].isBehind { self.followers[topic].buffer.append(number) } else { self.take(number, topic) }
            self.release()
        }

        mutating func take(_ number: UInt64, _ topic: Int) {
            guard number > self.followers[topic].taken else { return }
            self.followers[topic].taken = number
            if let envelope = self.replays.pass(Self.envelope(number), of: Self.topics[topic]) { self.delivered.append(envelope) }
        }

        /// The hub's position is read, and its answer comes some time later.
        mutating func readEnd() {
            if let end = self.end {
                self.end = nil
                guard let replay = self.replays[.default], replay.needsEnd, replay.attempt == end.attempt else { return }
                self.replays.update(.default) { $0.ended(at: Position(epoch: 1, number: end.position), at: self.now) }
            } else if let replay = self.replays[.default], replay.needsEnd {
                self.end = (self.number, replay.attempt)
            }
        }

        mutating func read() {
            let some = self.followers.indices.filter {
                self.followers[$0].isBehind && self.followers[$0].isConfirmed && self.replays.mayRead(Self.topics[$0])
            }
            guard let topic = some.randomElement(using: &self.random) else { return }
            for number in self.followers[topic].log { self.take(number, topic) }
            let buffer = self.followers[topic].buffer
            (self.followers[topic].isBehind, self.followers[topic].buffer) = (false, [])
            for number in buffer { self.take(number, topic) }
            self.replays.settled(Self.topics[topic], isBehind: false, at: self.now)
            self.release()
        }

        mutating func release() {
            self.delivered += self.replays.end(.default, canRead: true, at: self.now) ?? []
        }

        mutating func step() {
            switch Int.random(in: 0..<20, using: &self.random) {
            case 0..<7: self.publish()
            case 7..<13: self.hear()
            case 13..<15: self.confirm()
            case 15..<17: self.readEnd()
            case 17..<19: self.read()
            default: if Int.random(in: 0..<8, using: &self.random) == 0 { self.lose() }
            }
        }
    }

    @Test(arguments: 1...200 as ClosedRange<UInt64>)
    func `All messages are delivered once, in the order of the hub, with their positions`(seed: UInt64) {
        var world = World(random: SplitMix64(state: seed))
        for _ in 0..<400 { world.step() }
        for _ in 0..<10_000 where world.delivered.count < world.number {
            world.hear()
            world.confirm()
            world.readEnd()
            world.read()
        }
        #expect(world.delivered == (1...max(world.number, 1)).map { World.envelope($0) })
        #expect(!world.replays.isActive && world.replays.heldBytes == 0)
    }
}
