import Dispatch
import Logging
import NIOConcurrencyHelpers
import TestSupport
import Testing

@testable import VolaryNode

struct ReloadTests {
    @Test func `A file that hangs holds up neither the caller nor another file, and is read once more when it does not any more`()
        async
    {
        let (hangs, recorder) = (DispatchSemaphore(value: 0), LogRecorder())
        let counts = NIOLockedValueBox([0, 0])
        let reload = Reload(
            actions: [
                { _ in
                    counts.withLockedValue { $0[0] += 1 }
                    hangs.wait()
                },
                { _ in counts.withLockedValue { $0[1] += 1 } },
            ],
            logger: recorder.logger
        )
        for round in 1...3 {
            reload.run()
            #expect(await eventually { counts.withLockedValue { $0 == [1, round] } })
        }
        #expect(recorder.lines.count { $0.contains("Files are still being read") } == 2)
        for _ in 0..<2 { hangs.signal() }
        #expect(await eventually { counts.withLockedValue { $0[0] == 2 } })
        // Idle again, once its thread has seen so.
        let isReadAgain = await eventually {
            hangs.signal()
            reload.run()
            return counts.withLockedValue { $0[0] >= 3 }
        }
        #expect(isReadAgain)
    }
}
