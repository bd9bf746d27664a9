import NIOConcurrencyHelpers
import TestSupport
import Testing

@testable import VolaryBackplane

@Suite(.timeLimit(.minutes(1)))
struct ConcurrencyLimitTests {
    /// Calls of a limit that end when the test says so.
    private final class Calls: Sendable {
        private struct State {
            var begun: [Int] = []
            var running: [Int: CheckedContinuation<Void, Never>] = [:]
        }

        let limit: ConcurrencyLimit
        private let state = NIOLockedValueBox(State())

        init(maximum: Int) {
            self.limit = ConcurrencyLimit(maximum)
        }

        /// Numbers of the calls that have run, in order.
        var begun: [Int] { self.state.withLockedValue { $0.begun } }

        func start(_ number: Int) -> Task<Int, any Error> {
            Task {
                try await self.limit.run { () async throws(PresenceError) in
                    await withCheckedContinuation { continuation in
                        self.state.withLockedValue { state in
                            state.begun.append(number)
                            state.running[number] = continuation
                        }
                    }
                    return number
                }
            }
        }

        func end(_ number: Int) { self.state.withLockedValue { $0.running.removeValue(forKey: number) }?.resume() }
    }

    /// Starts calls one after the other. The first of them run, the others wait.
    private func calls(_ count: Int, maximum: Int) async -> (Calls, [Task<Int, any Error>]) {
        let calls = Calls(maximum: maximum)
        var tasks: [Task<Int, any Error>] = []
        for number in 0..<count {
            tasks.append(calls.start(number))
            #expect(await eventually { calls.limit.occupancy == (min(number + 1, maximum), max(number + 1 - maximum, 0)) })
        }
        return (calls, tasks)
    }

    @Test func `No more calls than the maximum run, and the others follow in the order of their arrival`() async throws {
        let (calls, tasks) = await self.calls(7, maximum: 2)
        for number in 0..<7 {
            let running = min(number + 2, 7)
            #expect(await eventually { calls.begun.count == running })
            #expect(Set(calls.begun) == Set(0..<running))
            calls.end(number)
            #expect(try await tasks[number].value == number)
        }
        #expect(calls.limit.occupancy == (0, 0))
    }

    @Test func `A canceled call leaves the line at once and never runs, and those behind it move up`() async throws {
        let (calls, tasks) = await self.calls(6, maximum: 1)
        for number in [3, 1, 5] {
            tasks[number].cancel()
            await #expect(throws: PresenceError.callerCanceled) { try await tasks[number].value }
        }
        #expect(calls.limit.occupancy == (1, 2))
        for number in [0, 2, 4] {
            #expect(await eventually { calls.begun.last == number })
            calls.end(number)
            #expect(try await tasks[number].value == number)
        }
        #expect(calls.begun == [0, 2, 4])
        #expect(calls.limit.occupancy == (0, 0))
    }

    @Test func `A call that is canceled before it arrives does not run, even if there is a place`() async throws {
        let limit = ConcurrencyLimit(1)
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return try await limit.run { () async throws(PresenceError) in Issue.record("it ran") }
        }
        await #expect(throws: PresenceError.callerCanceled) { try await task.value }
        #expect(limit.occupancy == (0, 0))
    }

    @Test func `A call that fails, or is canceled while it runs, gives its place back`() async throws {
        let (calls, tasks) = await self.calls(2, maximum: 1)
        tasks[0].cancel()
        #expect(calls.limit.occupancy == (1, 1), "it has not ended")
        calls.end(0)
        #expect(await eventually { calls.begun == [0, 1] })
        calls.end(1)
        _ = try await tasks[1].value
        await #expect(throws: PresenceError.unavailable("no")) {
            try await calls.limit.run { () async throws(PresenceError) in throw .unavailable("no") }
        }
        #expect(calls.limit.occupancy == (0, 0))
    }

    @Test func `However calls are canceled, none is forgotten and no place is lost`() async throws {
        let limit = ConcurrencyLimit(3)
        let (running, most) = (NIOLockedValueBox(0), NIOLockedValueBox(0))
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<2000 {
                group.addTask {
                    let task = Task {
                        try await limit.run { () async throws(PresenceError) in
                            let now = running.withLockedValue { count in
                                count += 1
                                return count
                            }
                            most.withLockedValue { $0 = max($0, now) }
                            await Task.yield()
                            running.withLockedValue { $0 -= 1 }
                        }
                    }
                    if number.isMultiple(of: 3) { await Task.yield() }
                    if !number.isMultiple(of: 2) { task.cancel() }
                    do {
                        try await task.value
                    } catch {
                        #expect(!number.isMultiple(of: 2), "\(number) was not canceled")
                    }
                }
            }
        }
        #expect(limit.occupancy == (0, 0))
        #expect((1...3).contains(most.withLockedValue { $0 }))
    }
}
