import NIOCore
import TestSupport
import Testing
import VolaryProtocol

@testable import VolaryBackplane

/// A node's own messages, from their sequence to their return.
struct PublishQueueTests {
    private let node = NodeID(rawValue: 1)
    private let now = NIODeadline.uptimeNanoseconds(1_000_000_000)
    private let here = PublishReachability(publisher: true, subscriber: true, isWanted: true, isConfirmed: true)
    private let unlinked = PublishReachability(publisher: false, subscriber: true, isWanted: true, isConfirmed: true)

    private func queue(windowMessages: Int = 1024, replays: Bool = false) -> PublishQueue {
        PublishQueue(node: self.node, isLogged: true, limits: .init(windowMessages: windowMessages), replays: replays)
    }

    /// - Returns: the outcomes that are known at once.
    private func append(
        _ texts: [String],
        to queue: inout PublishQueue,
        _ reachability: PublishReachability? = nil,
        into local: inout [Envelope]
    ) -> [PublishOutcome] {
        texts.compactMap { text in
            let request = PublishRequest(message: .text(text, from: self.node), topic: .all, completion: nil)
            return try? queue.append(request, reachability ?? self.here, into: &local, at: self.now)?.get()
        }
    }

    private func written(_ queue: inout PublishQueue) -> [UInt64] {
        var written: [UInt64] = []
        queue.takeWritable { written.append($0.sequence) }
        return written
    }

    @Test func `A message comes back once; what had not when a link was lost is handed out then, and never again`() {
        var queue = self.queue()
        var local: [Envelope] = []
        #expect(self.append(["a", "b", "c"], to: &queue, into: &local).isEmpty && local.isEmpty)
        #expect(self.written(&queue) == [1, 2, 3])
        for _ in 0..<2 { queue.cameBack(1, on: .all, into: &local) }
        #expect(local.map(\.sequence) == [1])
        #expect(queue.takeLoopback().map(\.sequence) == [2, 3])
        queue.cameBack(2, on: .all, into: &local)
        #expect(local.count == 1)
    }

    @Test func `A message that was unanswered when its topic was subscribed to may come back, once`() {
        var queue = self.queue()
        var local: [Envelope] = []
        let unwanted = PublishReachability(publisher: true, subscriber: true, isWanted: false, isConfirmed: false)
        _ = self.append(["before"], to: &queue, unwanted, into: &local)
        #expect(self.written(&queue) == [1])
        _ = queue.confirmed(into: &local, at: self.now)
        _ = self.append(["1", "2", "3"], to: &queue, unwanted, into: &local)
        #expect(self.written(&queue) == [2, 3, 4])
        queue.subscribing(to: .all)
        _ = self.append(["4"], to: &queue, into: &local)
        #expect(self.written(&queue) == [5])
        for sequence in [1, 3, 2, 3, 5] as [UInt64] { queue.cameBack(sequence, on: .all, into: &local) }
        // Behind the third one, the second one cannot come any more.
        #expect(local.map(\.sequence) == [3, 5])
        // Not answered: kept.
        for _ in 0..<3 { _ = queue.loopbackIsStalled(allTopicsArrive: true) }
        queue.cameBack(4, on: .all, into: &local)
        #expect(local.map(\.sequence) == [3, 5, 4])
    }

    @Test func `A message that has not come back a second after its answer is not expected any more`() {
        var queue = self.queue()
        var local: [Envelope] = []
        let unwanted = PublishReachability(publisher: true, subscriber: true, isWanted: false, isConfirmed: false)
        _ = self.append(["1", "2"], to: &queue, unwanted, into: &local)
        #expect(self.written(&queue) == [1, 2])
        queue.subscribing(to: .all)
        for _ in 0..<2 { _ = queue.confirmed(into: &local, at: self.now) }
        _ = queue.loopbackIsStalled(allTopicsArrive: true)
        queue.cameBack(1, on: .all, into: &local)
        _ = queue.loopbackIsStalled(allTopicsArrive: true)
        queue.cameBack(2, on: .all, into: &local)
        #expect(local.map(\.sequence) == [1])
    }

    @Test func `What may come back is forgotten with its subscription and with its link`() {
        for forget in [{ $0.forgetLoopback(of: .all) }, { _ = $0.takeLoopback() }] as [(inout PublishQueue) -> Void] {
            var queue = self.queue()
            var local: [Envelope] = []
            let unwanted = PublishReachability(publisher: true, subscriber: true, isWanted: false, isConfirmed: false)
            _ = self.append(["1"], to: &queue, unwanted, into: &local)
            #expect(self.written(&queue) == [1])
            queue.subscribing(to: .all)
            forget(&queue)
            queue.cameBack(1, on: .all, into: &local)
            #expect(local.isEmpty)
        }
    }

    @Test func `While the link is down the receiver gets it at once, and it is written when the link is back`() {
        var queue = self.queue()
        var local: [Envelope] = []
        #expect(self.append(["a"], to: &queue, self.unlinked, into: &local) == [.degraded(here: true)])
        #expect(local.map(\.sequence) == [1] && queue.waiting == 1)
        #expect(queue.linked(to: RedisAddress(host: "one", port: 1), at: self.now) == 0)
        #expect(self.written(&queue) == [1] && queue.waiting == 0 && !queue.isEmpty)
        let confirmed = queue.confirmed(into: &local, at: self.now)
        #expect(confirmed?.isDegraded == true && queue.isEmpty)
        queue.cameBack(1, on: .all, into: &local)
        #expect(local.count == 1)
    }

    @Test func `Messages that a later one has overtaken get new sequences, and the receiver has them in their place`() {
        var queue = self.queue()
        var local: [Envelope] = []
        _ = self.append(["a", "b", "c"], to: &queue, into: &local)
        _ = self.written(&queue)
        #expect(queue.scriptIsMissing() == true)
        #expect(queue.scriptIsMissing() == false)
        #expect(queue.confirmed(into: &local, at: self.now)?.sequence == 3)
        #expect(local.map(\.sequence) == [1, 2])
        #expect(self.written(&queue) == [4, 5] && queue.sequence == 5)
        queue.cameBack(3, on: .all, into: &local)
        queue.cameBack(4, on: .all, into: &local)
        #expect(local.map(\.sequence) == [1, 2, 3])
    }

    @Test func `Another master gets again what the last one had confirmed, before all else; the same one does not`() {
        for (address, again) in [("one", [2]), ("two", [1, 2])] as [(String, [UInt64])] {
            var queue = self.queue(replays: true)
            var local: [Envelope] = []
            #expect(queue.linked(to: RedisAddress(host: "one", port: 1), at: self.now) == 0)
            _ = self.append(["a"], to: &queue, into: &local)
            _ = self.written(&queue)
            #expect(queue.confirmed(into: &local, at: self.now) != nil)
            _ = self.append(["b"], to: &queue, into: &local)
            #expect(queue.linkLost(isByPeer: false, at: self.now) == .linkIsDown)
            #expect(queue.linked(to: RedisAddress(host: address, port: 1), at: self.now) == again.count - 1)
            #expect(self.written(&queue) == again)
        }
    }

    @Test func `A large message that was unanswered when the connection was closed is written alone`() {
        var queue = self.queue()
        var local: [Envelope] = []
        let large = String(repeating: "x", count: PoisonMessageDetector.minimumBytes)
        _ = self.append(["a", large, "c"], to: &queue, into: &local)
        #expect(self.written(&queue) == [1, 2, 3])
        #expect(queue.linkLost(isByPeer: true, at: self.now) == .wait && queue.isDeciding(at: self.now))
        #expect(self.written(&queue) == [1])
        #expect(queue.confirmed(into: &local, at: self.now)?.sequence == 1)
        #expect(self.written(&queue) == [2] && self.written(&queue).isEmpty)
        #expect(queue.linkLost(isByPeer: true, at: self.now) == .wait)
        #expect(self.written(&queue) == [2])
        #expect(queue.linkLost(isByPeer: true, at: self.now) == .reject)
        #expect(queue.removeOversized(at: self.now).map(\.sequence) == [2])
        #expect(self.written(&queue) == [3])
    }

    @Test func `After a message in its name it counts on from there, unless the sequence is far away`() {
        var queue = self.queue()
        var local: [Envelope] = []
        let isAbove = [5, 5, 1, 5 + DuplicateFilter.reach].map { queue.observed(ownSequence: $0) }
        #expect(isAbove == [true, false, false, true])
        _ = self.append(["a"], to: &queue, into: &local)
        #expect(queue.sequence == 6)
    }
}
