import NIOCore
import Testing

@testable import Backplane

struct OccurrenceLogTests {
    @Test func `One line an interval`() {
        var log = OccurrenceLog(interval: .seconds(10))
        let start = NIODeadline.uptimeNanoseconds(5)
        #expect(log.occurred(at: start) == 1)
        #expect(log.occurred(at: start + .seconds(1)) == nil)
        #expect(log.occurred(at: start + .seconds(9)) == nil)
        #expect(log.occurred(at: start + .seconds(10)) == 3)
        #expect(log.total == 4)
    }
}
