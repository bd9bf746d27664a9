import NIOCore
import Testing

@testable import Node

@Suite("When an event loop rests between two fan-outs")
struct FanOutPaceTests {
    private var pace = FanOutPace()
    private var now = NIODeadline.uptimeNanoseconds(1_000_000_000)

    /// When the fan-out that is due now is to begin; nil for at once.
    private mutating func due(after time: TimeAmount = .zero, waiting: Int = 1) -> NIODeadline? {
        self.pace.rest(now: self.now + time, waiting: waiting)
    }

    /// One fan-out that takes so long, from now on.
    private mutating func fanOut(_ time: TimeAmount) {
        let start = self.now
        self.now = self.now + time
        self.pace.fannedOut(from: start, to: self.now)
    }

    /// A rest at once, in which so much more comes.
    private mutating func rest(gaining more: Int) -> Bool {
        guard let end = self.due() else { return false }
        self.now = end
        // Not followed by another.
        return self.due(waiting: 1 + more) == nil
    }

    @Test func `A loop that is not behind never rests`() {
        var test = self
        let first = test.due()
        test.fanOut(.milliseconds(8))
        let second = test.due(after: .milliseconds(1), waiting: 3)
        #expect([first, second] == [nil, nil])
    }

    @Test(arguments: [(TimeAmount.milliseconds(2), TimeAmount.microseconds(500)), (.milliseconds(8), .milliseconds(1))])
    func `A loop that is behind rests a quarter of what its fan-out took, and at most a millisecond`(
        took: TimeAmount,
        rest: TimeAmount
    ) {
        var test = self
        test.fanOut(took)
        let due = test.due()
        #expect(due == test.now + rest)
    }

    @Test func `A few writes are not worth a rest`() {
        var test = self
        test.fanOut(.microseconds(199))
        let due = test.due()
        #expect(due == nil)
    }

    @Test func `As long as rests gain, each fan-out is followed by one`() {
        var test = self
        for _ in 0..<5 {
            test.fanOut(.milliseconds(8))
            let rested = test.rest(gaining: 2)
            #expect(rested)
        }
    }

    @Test func `Rests that gain nothing become rare, and never end`() {
        var test = self
        var between = [0]
        for _ in 0..<40 {
            test.fanOut(.milliseconds(8))
            if test.rest(gaining: 0) { between.append(0) } else { between[between.count - 1] += 1 }
        }
        #expect(between.prefix(5) == [0, 2, 4, 8, 8])
    }

    @Test func `One that gains again makes them frequent again`() {
        var test = self
        for _ in 0..<20 {
            test.fanOut(.milliseconds(8))
            _ = test.rest(gaining: 0)
        }
        repeat { test.fanOut(.milliseconds(8)) } while !test.rest(gaining: 1)
        test.fanOut(.milliseconds(8))
        let rested = test.rest(gaining: 0)
        #expect(rested)
    }
}
