import Testing

@testable import VolaryBackplane

/// Messages that Redis has confirmed and that do not come back.
struct LoopbackStallDetectorTests {
    private var detector = LoopbackStallDetector()

    /// - Returns: at which of so many checks it was stalled.
    private mutating func check(_ times: Int, oldest: UInt64?, firstUnconfirmed: UInt64 = .max) -> [Int] {
        (1...times).filter { _ in self.detector.check(oldest: oldest, firstUnconfirmed: firstUnconfirmed) }
    }

    @Test mutating func `The same oldest message for more than ten checks, and counted anew from there`() {
        #expect(self.check(33, oldest: 7) == [11, 22, 33])
    }

    @Test mutating func `Not while the oldest one changes, is unconfirmed, or there is none`() {
        for oldest in 1...30 as ClosedRange<UInt64> { #expect(self.check(1, oldest: oldest) == []) }
        #expect(self.check(30, oldest: 7, firstUnconfirmed: 7) == [])
        #expect(self.check(30, oldest: nil) == [])
        #expect(self.check(10, oldest: 7) == [])
        #expect(self.check(1, oldest: nil) == [])
        #expect(self.check(10, oldest: 7) == [])
    }
}
