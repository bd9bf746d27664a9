import NIOCore
import Testing

@testable import VolaryBackplane

struct LogThrottleTests {
    @Test func `One line an interval`() {
        var log = LogThrottle(interval: .seconds(10))
        let start = NIODeadline.uptimeNanoseconds(5)
        #expect(log.occurred(at: start) == 1)
        #expect(log.occurred(at: start + .seconds(1)) == nil)
        #expect(log.occurred(at: start + .seconds(9)) == nil)
        #expect(log.occurred(at: start + .seconds(10)) == 3)
        #expect(log.total == 4)
    }

    @Test func `As many lines an interval as are allowed, and then the count of all that had none`() {
        var log = LogThrottle(interval: .seconds(1), maximumLines: 2)
        let start = NIODeadline.uptimeNanoseconds(5)
        #expect((0..<4).map { _ in log.occurred(at: start) } == [1, 1, nil, nil])
        #expect(log.occurred(3, at: start + .milliseconds(999)) == nil)
        #expect(log.occurred(at: start + .seconds(1)) == 6)
        #expect(log.total == 8)
    }
}
