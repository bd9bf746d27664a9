import NIOConcurrencyHelpers
import TestSupport
import Testing

@testable import VolaryNode

/// How long a node that goes waits for its callers and links.
@Suite
struct DrainDeadlinesTests {
    private typealias Deadline = DrainDeadlines<ManualClock>.Deadline

    private static let deadlines: [Deadline] = [.receipts, .requests, .links, .process]

    /// Runs `body` with what it needs to tell the node to go, and to see how many deadlines have been reached.
    private func run(
        delay: Duration = .seconds(3),
        timeout: Duration = .seconds(10),
        _ body: (ShutdownRequest, ManualClock, _ reached: @Sendable () -> [Deadline]) async -> Void
    ) async {
        let (shutdownRequest, clock) = (ShutdownRequest(), ManualClock())
        let reached = NIOLockedValueBox<[Deadline]>([])
        let deadlines = DrainDeadlines(shutdownRequest: shutdownRequest, delay: delay, timeout: timeout, clock: clock)
        await withDiscardingTaskGroup { tasks in
            for deadline in Self.deadlines {
                tasks.addTask {
                    await deadlines.reached(deadline)
                    if !Task.isCancelled { reached.withLockedValue { $0.append(deadline) } }
                }
            }
            await body(shutdownRequest, clock) { reached.withLockedValue { $0 } }
            tasks.cancelAll()
        }
    }

    @Test func `Receipts half a second before the end, requests at the end, links 5 s behind it, the process 2 s later`() async {
        await self.run { shutdownRequest, clock, reached in
            shutdownRequest.request(.graceful)
            #expect(await eventually { clock.sleepers == 4 })
            for (index, step) in [12_499, 1, 499, 1, 4_999, 1, 1_999, 1].enumerated() {
                clock.advance(by: .milliseconds(step))
                let expected = (index + 1) / 2
                #expect(await eventually { reached().count == expected && clock.sleepers == 4 - expected })
                #expect(reached() == Array(Self.deadlines.prefix(expected)))
            }
        }
    }

    @Test func `In a hurry receipts at once, requests after half a second, links after one, the process after three`() async {
        await self.run(delay: .seconds(600), timeout: .seconds(600)) { shutdownRequest, clock, reached in
            shutdownRequest.request(.graceful)
            #expect(await eventually { clock.sleepers == 4 })
            shutdownRequest.request(.immediate)
            #expect(await eventually { reached() == [.receipts] && clock.sleepers == 6 })
            for (index, step) in [499, 1, 499, 1, 1_999, 1].enumerated() {
                clock.advance(by: .milliseconds(step))
                let expected = 1 + (index + 1) / 2
                #expect(await eventually { reached().count == expected && clock.sleepers == 2 * (4 - expected) })
                #expect(reached() == Array(Self.deadlines.prefix(expected)))
            }
        }
    }

    @Test func `A hurry moves no deadline behind its own time`() async {
        await self.run(delay: .zero, timeout: .milliseconds(600)) { shutdownRequest, clock, reached in
            shutdownRequest.request(.graceful)
            #expect(await eventually { clock.sleepers == 4 })
            clock.advance(by: .milliseconds(300))
            #expect(await eventually { reached() == [.receipts] && clock.sleepers == 3 }, "half of a short time is the answers'")
            shutdownRequest.request(.immediate)
            #expect(await eventually { clock.sleepers == 6 })
            clock.advance(by: .milliseconds(300))
            #expect(await eventually { reached() == [.receipts, .requests] })
        }
    }

    @Test func `Nothing happens before the node is told to go`() async {
        await self.run(delay: .zero) { _, clock, reached in
            clock.advance(by: .seconds(3600))
            #expect(clock.sleepers == 0 && reached().isEmpty)
        }
    }
}
