import NIOConcurrencyHelpers

/// A clock on which time passes only by sleeping. Each sleep ends at once, after the test's action.
public final class SteppingClock: Clock {
    public typealias Instant = ContinuousClock.Instant

    private struct State {
        var now = ContinuousClock.now
        var sleeps: [Duration] = []
        var duringSleep: @Sendable (_ number: Int) async -> Void = { _ in }
    }

    private let state = NIOLockedValueBox(State())

    public init() {}

    public var now: Instant { self.state.withLockedValue { $0.now } }
    public var minimumResolution: Duration { .zero }
    /// The length of each sleep.
    public var sleeps: [Duration] { self.state.withLockedValue { $0.sleeps } }

    public func advance(by duration: Duration) { self.state.withLockedValue { $0.now += duration } }

    /// - Parameter action: called in each sleep from now on, with the number of the sleep, counted from 1.
    public func duringSleep(_ action: @escaping @Sendable (Int) async -> Void) {
        self.state.withLockedValue { $0.duringSleep = action }
    }

    public func sleep(until deadline: Instant, tolerance: Duration?) async throws {
        let (number, action) = self.state.withLockedValue { state in
            state.sleeps.append(state.now.duration(to: deadline))
            state.now = max(state.now, deadline)
            return (state.sleeps.count, state.duringSleep)
        }
        await action(number)
    }
}
