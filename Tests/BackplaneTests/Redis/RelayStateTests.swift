import NIOCore
import Protocol
import Testing

@testable import Backplane

struct DuplicateFilterTests {
    @Test func onlyWhatIsAboveTheLastPasses() {
        var filter = DuplicateFilter()
        let (a, b) = (NodeID(rawValue: 1), NodeID(rawValue: 2))
        #expect(filter.admits(5, from: a) == true)
        #expect(filter.admits(5, from: a) == false)
        #expect(filter.admits(4, from: a) == false)
        #expect(filter.admits(4, from: b) == true)
        #expect(filter.admits(9, from: a) == true)
        #expect(filter.admits(8, from: a) == false)
        #expect(filter.admits(.max, from: a) == true)
    }

    @Test func theOriginUnheardForLongestIsForgotten() {
        var filter = DuplicateFilter(capacity: 2)
        let nodes = (1...3).map { NodeID(rawValue: $0) }
        #expect(filter.admits(1, from: nodes[0]) == true)
        #expect(filter.admits(1, from: nodes[1]) == true)
        #expect(filter.admits(1, from: nodes[0]) == false)
        #expect(filter.admits(1, from: nodes[2]) == true)
        #expect(filter.count == 2)
        #expect(filter.admits(1, from: nodes[0]) == false)
        #expect(filter.admits(1, from: nodes[1]) == true)
    }
}

struct OutboxTests {
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000)

    private func outbox(_ count: Int, limits: Outbox<Int>.Limits = .init()) -> Outbox<Int> {
        var outbox = Outbox<Int>(limits: limits)
        for number in 0..<count { outbox.append(number, bytes: 10, at: self.start) }
        return outbox
    }

    @Test func whatIsLostInFlightComesBackInFront() {
        var outbox = self.outbox(3)
        var written: [Int] = []
        outbox.takeWaiting { written.append($0) }
        #expect((written, outbox.waiting, outbox.unanswered) == ([0, 1, 2], 0, 3))
        #expect(outbox.answered() == 0)
        outbox.append(3, bytes: 10, at: self.start)
        var returned: [Int] = []
        outbox.linkLost { returned.append($0) }
        #expect((returned, outbox.waiting, outbox.unanswered) == ([1, 2], 3, 0))
        outbox.append(4, bytes: 10, at: self.start)
        written = []
        outbox.takeWaiting { written.append($0) }
        #expect(written == [1, 2, 3, 4])
    }

    @Test func anAnswerThatNothingWaitsForIsNone() {
        var outbox = self.outbox(1)
        #expect(outbox.answered() == nil)
        outbox.takeWaiting { _ in }
        #expect(outbox.answered() == 0)
        #expect(outbox.answered() == nil)
        #expect(outbox.isEmpty)
    }

    @Test func waitingIsBoundedByMessagesAndBytes() {
        let few = self.outbox(3, limits: .init(waitingMessages: 3))
        #expect(!few.hasRoom(forBytes: 1, linked: false))
        #expect(few.hasRoom(forBytes: 1, linked: true))
        let each = 10 + Outbox<Int>.overheadBytes
        let full = self.outbox(3, limits: .init(waitingBytes: 4 * each))
        #expect(full.hasRoom(forBytes: 10, linked: false))
        #expect(!full.hasRoom(forBytes: 11, linked: false))
        let flying = self.outbox(3, limits: .init(unansweredBytes: 4 * each))
        #expect(flying.hasRoom(forBytes: 10, linked: true))
        #expect(!flying.hasRoom(forBytes: 11, linked: true))
    }

    @Test func anEmptyOutboxTakesAnyMessage() {
        let limits = Outbox<Int>.Limits(waitingBytes: 10, unansweredBytes: 10)
        #expect(self.outbox(0, limits: limits).hasRoom(forBytes: 100, linked: false))
        #expect(!self.outbox(1, limits: limits).hasRoom(forBytes: 0, linked: true))
    }

    @Test func roomComesBackWithAnswers() {
        var outbox = self.outbox(2, limits: .init(waitingMessages: 2))
        outbox.takeWaiting { _ in }
        _ = outbox.answered()
        #expect(outbox.hasRoom(forBytes: 1, linked: false))
    }

    @Test func onlyWhatWaitsTooLongExpires() {
        var outbox = self.outbox(2, limits: .init(age: .seconds(30)))
        outbox.append(2, bytes: 1, at: self.start + .seconds(10))
        #expect(outbox.expire(at: self.start + .seconds(29)) == 0)
        var inFlight = outbox
        inFlight.takeWaiting { _ in }
        #expect(inFlight.expire(at: self.start + .seconds(100)) == 0)
        #expect(outbox.expire(at: self.start + .seconds(30)) == 2)
        #expect(outbox.waiting == 1)
    }
}

struct HomewardMessagesTests {
    private let node = NodeID(rawValue: 7)

    private func envelope(_ sequence: UInt64) -> Envelope {
        Envelope(origin: self.node, sequence: sequence, message: .receipts([]))
    }

    @Test func whatComesBackIsDeliveredOnce() {
        var homeward = HomewardMessages()
        for sequence in [3, 5, 6] as [UInt64] { homeward.sent(self.envelope(sequence), on: .all, bytes: 10) }
        #expect(homeward.cameBack(2) == false)
        #expect(homeward.cameBack(4) == false)
        #expect(homeward.cameBack(3) == true)
        #expect(homeward.cameBack(3) == false)
        #expect(homeward.cameBack(9) == false)
        #expect(homeward.cameBack(6) == true)
        #expect(homeward.count == 0)
        #expect(homeward.cameBack(5) == false)
    }

    @Test func aLostLinkGivesAllInOrderAndForgetsThem() {
        var homeward = HomewardMessages()
        for sequence in 1...3 as ClosedRange<UInt64> { homeward.sent(self.envelope(sequence), on: .all, bytes: 10) }
        #expect(homeward.takeAll().map(\.sequence) == [1, 2, 3])
        #expect(homeward.cameBack(2) == false)
    }

    @Test func anEndedSubscriptionForgetsItsMessages() {
        var homeward = HomewardMessages(maximumBytes: 600)
        homeward.sent(self.envelope(1), on: .all, bytes: 100)
        homeward.sent(self.envelope(2), on: .node(self.node), bytes: 100)
        #expect(homeward.isOverfull)
        homeward.forget(.all)
        #expect(!homeward.isOverfull)
        #expect(homeward.takeAll().map(\.sequence) == [2])
    }
}

struct SubscriptionsTests {
    private let topic = Topic.node(NodeID(rawValue: 1))

    @Test func wantedBeforeTheLinkIsSubscribedWithIt() {
        var machine = SubscriptionsStateMachine()
        #expect(machine.want(.all) == .wait)
        #expect(machine.want(self.topic) == .wait)
        #expect(machine.unwant(self.topic) == false)
        #expect(machine.linked() == [.all])
        #expect(!machine.isComplete)
        #expect(machine.acknowledged(.all) == .confirmed)
        #expect(machine.isComplete && machine.isConfirmed(.all))
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
        #expect(machine.isComplete)
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
        #expect(!machine.isConfirmed(.all) && !machine.isComplete)
        #expect(machine.linked() == [.all])
        #expect(machine.acknowledged(self.topic) == .violation)
        #expect(machine.acknowledged(.all) == .confirmed)
    }
}

struct BackoffTests {
    @Test func pausesDoubleUpToTheMaximum() {
        let backoff = Backoff(minimum: .milliseconds(50), maximum: .seconds(2))
        let ceilings = (0...7).map { backoff.ceiling(attempt: $0) }
        #expect(ceilings == [50, 100, 200, 400, 800, 1600, 2000, 2000].map { .milliseconds($0) })
        #expect(backoff.ceiling(attempt: 1_000_000) == .seconds(2))
        #expect(backoff.pause(attempt: 1, random: 0) == .zero)
        #expect(backoff.pause(attempt: 1, random: 0.5) == .milliseconds(50))
    }
}

struct OccurrenceLogTests {
    @Test func oneLineAnInterval() {
        var log = OccurrenceLog(interval: .seconds(10))
        let start = NIODeadline.uptimeNanoseconds(5)
        #expect(log.occurred(at: start) == 1)
        #expect(log.occurred(at: start + .seconds(1)) == nil)
        #expect(log.occurred(at: start + .seconds(9)) == nil)
        #expect(log.occurred(at: start + .seconds(10)) == 3)
        #expect(log.total == 4)
    }
}

struct RedisErrorTextTests {
    @Test func whatIsQuotedIsCutOff() {
        #expect(
            RedisErrorText.loggable("ERR unknown command 'FOO', with args beginning with: 'hunter2'") == "ERR unknown command "
        )
        #expect(RedisErrorText.loggable("ERR a\r\nb") == "ERR a b")
        #expect(RedisErrorText.code("WRONGPASS invalid") == "WRONGPASS")
        #expect(RedisErrorText.isFatal("READONLY You can't write"))
        #expect(!RedisErrorText.isFatal("ERR READONLY"))
    }
}

struct RedisLinkStateMachineTests {
    private let now = NIODeadline.uptimeNanoseconds(1_000_000_000_000)

    @Test func aLinkGoesUpAndComesBack() {
        var machine = RedisLink.StateMachine()
        #expect(machine.started() == true)
        #expect(machine.started() == false)
        #expect(machine.lost(reason: "refused", at: self.now) == .pause(attempt: 0, wasReady: false, reasonIsNew: true))
        #expect(machine.pauseEnded() == true)
        #expect(machine.lost(reason: "refused", at: self.now) == .pause(attempt: 1, wasReady: false, reasonIsNew: false))
        #expect(machine.pauseEnded() == true)
        #expect(machine.connected() == .shakeHands)
        #expect(machine.handshakeSucceeded(at: self.now) == true)
        #expect(machine.isReady)
        let later = self.now + RedisLink.StateMachine.stableAfter
        #expect(machine.lost(reason: "refused", at: later) == .pause(attempt: 0, wasReady: true, reasonIsNew: true))
    }

    @Test func whatIsDroppedAtOnceIsNotDialledWithoutAPause() {
        var machine = RedisLink.StateMachine()
        _ = machine.started()
        for attempt in 0..<3 {
            _ = machine.connected()
            #expect(machine.handshakeSucceeded(at: self.now) == true)
            #expect(
                machine.lost(reason: "no", at: self.now + .seconds(1))
                    == .pause(attempt: attempt, wasReady: true, reasonIsNew: true)
            )
            #expect(machine.pauseEnded() == true)
        }
    }

    @Test func nothingWakesAStoppedLink() {
        var machine = RedisLink.StateMachine()
        _ = machine.started()
        machine.stop()
        #expect(machine.connected() == .close)
        #expect(machine.lost(reason: "x", at: self.now) == .none)
        #expect(machine.pauseEnded() == false)
        #expect(machine.started() == false)
    }
}
