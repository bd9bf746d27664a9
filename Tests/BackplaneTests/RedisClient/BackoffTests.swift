import Testing

@testable import VolaryBackplane

struct BackoffTests {
    @Test func `Pauses double up to the maximum`() {
        let backoff = Backoff(minimum: .milliseconds(50), maximum: .seconds(2))
        let ceilings = (0...7).map { backoff.ceiling(attempt: $0) }
        #expect(ceilings == [50, 100, 200, 400, 800, 1600, 2000, 2000].map { .milliseconds($0) })
        #expect(backoff.ceiling(attempt: 1_000_000) == .seconds(2))
        #expect(backoff.pause(attempt: 1, random: 0) == .zero)
        #expect(backoff.pause(attempt: 1, random: 0.5) == .milliseconds(50))
    }
}
