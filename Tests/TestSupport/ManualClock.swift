import NIOConcurrencyHelpers

/// A clock that only a test advances.
public final class ManualClock: Clock, Sendable {
    public struct Instant: InstantProtocol {
        /// Time since the clock was created.
        public var elapsed = Duration.zero

        public func advanced(by duration: Duration) -> Instant { Instant(elapsed: self.elapsed + duration) }
        public func duration(to other: Instant) -> Duration { other.elapsed - self.elapsed }
        public static func < (left: Instant, right: Instant) -> Bool { left.elapsed < right.elapsed }
    }

    private struct Sleeper {
        let deadline: Instant
        let continuation: CheckedContinuation<Void, any Error>
    }

    private struct State {
        var now = Instant()
        var lastID = 0
        var sleepers: [Int: Sleeper] = [:]
        var cancelled: Set<Int> = []
    }

    private let state = NIOLockedValueBox(State())

    public init() {}

    public var now: Instant { self.state.withLockedValue { $0.now } }
    public var minimumResolution: Duration { .zero }

    /// The number of sleeping tasks.
    public var sleepers: Int { self.state.withLockedValue { $0.sleepers.count } }

    public func sleep(until deadline: Instant, tolerance: Duration?) async throws {
        let id = self.state.withLockedValue { state in
            state.lastID += 1
            return state.lastID
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let (isOver, isCancelled) = self.state.withLockedValue { state in
                    if state.cancelled.remove(id) != nil { return (false, true) }
                    if deadline <= state.now { return (true, false) }
                    state.sleepers[id] = Sleeper(deadline: deadline, continuation: continuation)
                    return (false, false)
                }
                if isCancelled { continuation.resume(throwing: CancellationError()) }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            let sleeper = self.state.withLockedValue { state in
                let sleeper = state.sleepers.removeValue(forKey: id)
                if sleeper == nil { state.cancelled.insert(id) }
                return sleeper
            }
            sleeper?.continuation.resume(throwing: CancellationError())
        }
    }

    /// Advances the clock and wakes the tasks whose time has come.
    public func advance(by duration: Duration) {
        let woken = self.state.withLockedValue { state in
            state.now = state.now.advanced(by: duration)
            let woken = state.sleepers.filter { $0.value.deadline <= state.now }
            for id in woken.keys { state.sleepers[id] = nil }
            return woken.values.map(\.continuation)
        }
        for continuation in woken { continuation.resume() }
    }

    /// Advances the clock by `step` whenever a task sleeps, until the condition holds.
    public func advance(by step: Duration, until condition: () async -> Bool) async -> Bool {
        await eventually {
            if await condition() { return true }
            if self.sleepers > 0 { self.advance(by: step) }
            return false
        }
    }
}
