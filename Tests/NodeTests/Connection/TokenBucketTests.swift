import NIOCore
import Testing

@testable import VolaryNode

/// A token bucket with a capacity of one second's tokens.
@Suite
struct TokenBucketTests {
    private static let start = NIODeadline.uptimeNanoseconds(5_000_000_000)

    private func taken(_ bucket: inout TokenBucket, at now: NIODeadline) -> Int {
        var count = 0
        while bucket.take(1, now: now) { count += 1 }
        return count
    }

    private func take(_ cost: Int, of bucket: inout TokenBucket, at now: NIODeadline) -> Bool { bucket.take(cost, now: now) }

    @Test(arguments: [1, 3, 7, 1000])
    func `A second's worth passes at once, and not one more`(perSecond: Int) {
        var bucket = TokenBucket(perSecond: perSecond, now: Self.start)
        #expect(self.taken(&bucket, at: Self.start) == perSecond)
    }

    @Test(arguments: [1, 3, 7, 1000])
    func `The next token comes exactly when its time has passed`(perSecond: Int) {
        var bucket = TokenBucket(perSecond: perSecond, now: Self.start)
        _ = self.taken(&bucket, at: Self.start)
        let wait = Int64((1_000_000_000 + perSecond - 1) / perSecond)
        #expect(self.taken(&bucket, at: Self.start + .nanoseconds(wait - 1)) == 0)
        #expect(self.taken(&bucket, at: Self.start + .nanoseconds(wait)) == 1)
    }

    @Test func `However often it is asked, it gives what its rate gives`() {
        var bucket = TokenBucket(perSecond: 7, now: Self.start)
        _ = self.taken(&bucket, at: Self.start)
        var sum = 0
        for step in 1...10_000 { sum += self.taken(&bucket, at: Self.start + .milliseconds(Int64(step))) }
        #expect(sum == 70)
    }

    @Test func `Rest does not add up to more than a second`() {
        var bucket = TokenBucket(perSecond: 5, now: Self.start)
        #expect(self.taken(&bucket, at: Self.start + .hours(24 * 365)) == 5)
    }

    @Test func `What costs more than a second passes when the bucket is full, and is paid for afterwards`() {
        var bucket = TokenBucket(perSecond: 100, now: Self.start)
        #expect(self.take(1, of: &bucket, at: Self.start))
        #expect(!self.take(250, of: &bucket, at: Self.start))
        #expect(self.take(250, of: &bucket, at: Self.start + .milliseconds(10)))
        #expect(!self.take(1, of: &bucket, at: Self.start + .milliseconds(1519)))
        #expect(self.take(1, of: &bucket, at: Self.start + .milliseconds(1520)))
    }

    @Test func `What is refused costs nothing`() {
        var bucket = TokenBucket(perSecond: 10, now: Self.start)
        #expect(self.take(6, of: &bucket, at: Self.start))
        for _ in 0..<100 { #expect(!self.take(5, of: &bucket, at: Self.start)) }
        #expect(self.take(4, of: &bucket, at: Self.start))
    }

    @Test func `A clock that stands still or goes back does nothing`() {
        var bucket = TokenBucket(perSecond: 2, now: Self.start)
        _ = self.taken(&bucket, at: Self.start)
        #expect(self.taken(&bucket, at: Self.start - .seconds(3)) == 0)
        #expect(self.taken(&bucket, at: Self.start) == 0)
    }

    @Test func `The largest rate and the largest cost do not overflow`() {
        var bucket = TokenBucket(perSecond: 1_000_000_000, now: Self.start)
        #expect(self.take(1 << 32, of: &bucket, at: Self.start))
        #expect(!self.take(1, of: &bucket, at: Self.start + .seconds(3)))
        #expect(self.take(1 << 32, of: &bucket, at: Self.start + .hours(1_000_000)))
    }
}
