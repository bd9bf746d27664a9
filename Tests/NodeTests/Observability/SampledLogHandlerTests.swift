import Logging
import NIOConcurrencyHelpers
import NIOCore
import Testing

@testable import VolaryNode

struct SampledLogHandlerTests {
    @Test func `One place in the code writes ten lines a second, another has its own; the next has the number of those left out`()
    {
        let recorder = LogRecorder()
        let time = NIOLockedValueBox(NIODeadline.uptimeNanoseconds(0))
        let logger = Logger(label: "test") { _ in
            SampledLogHandler(writingTo: recorder.handler, now: { time.withLockedValue { $0 } })
        }
        var copy = logger
        copy[metadataKey: "request"] = "1"
        for number in 0..<100 {
            // Copies of a logger share the bound.
            (number % 2 == 0 ? logger : copy).warning("flood")
        }
        logger.warning("other")
        #expect(recorder.lines.count { $0.contains("flood") } == 10)
        #expect(recorder.lines.last == "warning other")
        time.withLockedValue { $0 = $0 + .seconds(1) }
        for _ in 0..<2 { logger.warning("other") }
        #expect(recorder.lines.count == 13)
    }

    @Test func `What was left out is counted in the next line of its place`() {
        let recorder = LogRecorder()
        let time = NIOLockedValueBox(NIODeadline.uptimeNanoseconds(0))
        let logger = Logger(label: "test") { _ in
            SampledLogHandler(writingTo: recorder.handler, now: { time.withLockedValue { $0 } })
        }
        for number in 0..<16 {
            if number == 15 { time.withLockedValue { $0 = $0 + .seconds(1) } }
            logger.warning("flood")
        }
        #expect(recorder.lines.dropLast() == Array(repeating: "warning flood", count: 10)[...])
        #expect(recorder.lines.last == "warning flood volary.suppressed=5")
    }
}
