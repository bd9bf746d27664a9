import NIOCore
import Testing

@testable import VolaryNode

/// When an event loop waits before a fan-out.
@Suite
struct FanOutCoalescingTests {
    private var pace = FanOutCoalescing()
    private var now = NIODeadline.uptimeNanoseconds(1_000_000_000)

    /// The time at which a fan-out that is due now begins; nil for at once.
    private mutating func wait(after time: TimeAmount = .zero, due: Int = 100) -> NIODeadline? {
        self.pace.wait(now: self.now + time, due: due)
    }

    /// Simulates one fan-out of the given length, from now on.
    private mutating func fanOut(_ time: TimeAmount = .milliseconds(8), bytes: Int = 100) {
        let start = self.now
        self.now = self.now + time
        self.pace.fannedOut(bytes: bytes, from: start, to: self.now)
    }

    /// Whether a fan-out that is due waits first. The given number of bytes arrives during the wait.
    private mutating func waits(gaining more: Int) -> Bool {
        guard let end = self.wait() else { return false }
        self.now = end
        // No other fan-out follows.
        return self.wait(due: 100 + more) == nil
    }

    @Test func `A loop that is not busy never waits`() {
        var test = self
        let first = test.wait()
        test.fanOut(.milliseconds(8))
        let second = test.wait(after: .milliseconds(16), due: 300)
        #expect([first, second] == [nil, nil])
    }

    @Test(arguments: [(TimeAmount.microseconds(500), TimeAmount.microseconds(500)), (.milliseconds(8), .milliseconds(2))])
    func `A loop that is busy waits as long as its last fan-out took, and at most two milliseconds`(
        took: TimeAmount,
        wait: TimeAmount
    ) {
        var test = self
        test.fanOut(took)
        let due = test.wait(after: .microseconds(999))
        #expect(due == test.now + .microseconds(999) + wait)
    }

    @Test func `A few writes are not worth a wait`() {
        var test = self
        test.fanOut(.microseconds(199))
        let due = test.wait()
        #expect(due == nil)
    }

    @Test func `As long as waits gain, each fan-out has one`() {
        var test = self
        for _ in 0..<5 {
            test.fanOut()
            let waits = test.waits(gaining: 2)
            #expect(waits)
        }
    }

    @Test func `Waits that gain nothing become rare, and never end`() {
        var test = self
        var between = [0]
        for _ in 0..<70 {
            test.fanOut()
            if test.waits(gaining: 0) { between.append(0) } else { between[between.count - 1] += 1 }
        }
        #expect(between.prefix(6) == [0, 2, 4, 8, 16, 16])
    }

    @Test func `One that gains again makes them frequent again`() {
        var test = self
        for _ in 0..<20 {
            test.fanOut()
            _ = test.waits(gaining: 0)
        }
        repeat { test.fanOut() } while !test.waits(gaining: 1)
        test.fanOut()
        let waits = test.waits(gaining: 0)
        #expect(waits)
    }

    @Test func `Less than half of what came together before waits for the rest, each time`() {
        var test = self
        for _ in 0..<20 {
            test.fanOut(bytes: 700)
            let first = test.wait(due: 100)
            #expect(first == test.now + .milliseconds(2))
            test.now = test.now + .milliseconds(2)
            let second = test.wait(due: 100)
            #expect(second == nil)
        }
    }

    @Test func `What a wait for the rest brings says nothing about trials`() {
        var test = self
        test.fanOut(bytes: 700)
        // A trial that gains nothing. The next two fan-outs have no trial.
        let trial = test.wait(due: 700)
        _ = test.wait(due: 700)
        test.fanOut(bytes: 700)
        let rest = test.wait(due: 100)
        _ = test.wait(due: 700)
        test.fanOut(bytes: 700)
        let next = test.wait(due: 700)
        #expect(trial != nil)
        #expect(rest != nil)
        #expect(next == nil)
    }

    @Test func `Two small fan-outs are enough to expect no more`() {
        var test = self
        test.fanOut(bytes: 700)
        test.fanOut(bytes: 100)
        let one = test.wait(due: 100)
        _ = test.wait(due: 100)
        test.fanOut(bytes: 100)
        // A trial comes first, and gains nothing.
        let trial = test.wait(due: 100)
        _ = test.wait(due: 100)
        test.fanOut(bytes: 100)
        let none = test.wait(due: 100)
        #expect(one != nil)
        #expect(trial != nil)
        #expect(none == nil)
    }
}
