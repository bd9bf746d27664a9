import NIOConcurrencyHelpers
import NIOCore
import Testing

@testable import VolaryNode

/// Lines of the log under a flood.
@Suite
struct LogSamplerTests {
    @Test
    func `Of each kind so many a second; how many were left out is said with the next, once`() {
        let time = NIOLockedValueBox(NIODeadline.uptimeNanoseconds(0))
        let sampler = LogSampler<Int>(maximumPerSecond: 3, now: { time.withLockedValue { $0 } })
        #expect((0..<10).map { _ in sampler.take(0) } == [0, 0, 0] + Array(repeating: nil, count: 7))
        // Another kind has its own.
        #expect(sampler.take(1) == 0)
        time.withLockedValue { $0 = $0 + .milliseconds(999) }
        #expect(sampler.take(0) == nil)
        time.withLockedValue { $0 = $0 + .milliseconds(1) }
        #expect([sampler.take(0), sampler.take(0), sampler.take(0), sampler.take(0)] == [8, 0, 0, nil])
        #expect(sampler.take(1) == 0)
    }
}
